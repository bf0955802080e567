/** A call that does not come back ends the process, which says which program made it; many runs of one program do not. */
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";

test("the program that hangs is named, and the process ends", async () => {
	const outfile = join(mkdtempSync(join(tmpdir(), "watchdog-")), "hangs.mjs");
	const contents = `
		import { watchdog } from "./src/cli/commands/tools/fuzz/watchdog.js";
		const wait = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
		const watch = watchdog(250, "out/running.jsonl");
		watch.turn(6);
		watch.turn(7);
		for (let run = 0; run < 10; run++) {
			wait(50);
			watch.again();
		}
		process.stdout.write("reduced");
		wait(20_000);`;
	await build({ stdin: { contents, resolveDir: process.cwd(), loader: "ts" }, bundle: true, format: "esm", platform: "node", outfile });
	const { signal, stdout, stderr } = spawnSync(process.execPath, [outfile], { encoding: "utf8" });
	expect(stdout).toBe("reduced");
	expect(stderr).toBe("failed  program 7 hangs: no call came back for 0.25 s; it is kept in out/running.jsonl\n");
	expect(signal).toBe("SIGKILL");
});
