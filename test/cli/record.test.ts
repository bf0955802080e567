/** --record. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctl, nested, script, temporaryFolder } from "./cli.js";

const folder = temporaryFolder();

function replay(file: string): Record<string, unknown> {
	return JSON.parse(iommuctl(["replay", file, "--json"]).stdout) as Record<string, unknown>;
}

describe("--record", () => {
	test("a script's trace replays, and a single command's is appended to it", () => {
		const file = join(folder, "script.jsonl");
		expect(script(nested, "--record", file).status).toBe(0);
		expect(replay(file)).toMatchObject({ programs: 1, differing: 0 });
		expect(iommuctl(["ioas", "alloc", "--kernel", "sim", "--record", "script.jsonl"], { cwd: folder }).status).toBe(0);
		expect(replay(file)).toMatchObject({ programs: 2, differing: 0 });
	});

	test("what the hardware does by itself has no step, and that is said", () => {
		const file = join(folder, "hardware.jsonl");
		const lines = ["device = device bind vfio3", "sim page-request vfio3 --addr 0x1000", "sim fail vfio3 --ite", "sim stats"];
		expect(script(lines, "--record", file).stderr.match(/^ *not recorded:.*/gm)).toEqual([
			"  not recorded: a trace has no step for what hardware does by itself; its replay may differ from here on",
		]);
		expect(script(lines).stderr).not.toContain("not recorded");
	});

	test("what only asks the kernel what it knows leaves no call in the trace", () => {
		const file = join(folder, "asked.jsonl");
		const lines = ["require ioctl IOMMU_IOAS_MAP", "require selftest", "kernel", "ioas alloc"];
		expect(script(lines, "--record", file).status).toBe(0);
		expect(readFileSync(file, "utf8").match(/"request":"\w+"/g)).toEqual(['"request":"IOMMU_IOAS_ALLOC"']);
	});

	test("what failed is recorded as it failed", () => {
		const file = join(folder, "failed.jsonl");
		expect(iommuctl(["destroy", "7", "--kernel", "sim", "--record", file]).status).toBe(1);
		expect(readFileSync(file, "utf8")).toContain('"errno":"ENOENT"');
	});

	test("no file that is not a trace of the same machine is touched", () => {
		const file = join(folder, "notes.txt");
		writeFileSync(file, "my notes\n");
		const ran = iommuctl(["ioas", "alloc", "--kernel", "sim", "--record", file]);
		expect(ran.status).toBe(2);
		expect(ran.stderr).toContain("not an iommufd trace");
		expect(readFileSync(file, "utf8")).toBe("my notes\n");
	});

	test("a place that cannot be written is said in a line", () => {
		mkdirSync(join(folder, "there"));
		for (const [file, why] of [
			[join(folder, "gone", "x"), "ENOENT"],
			[join(folder, "there"), "EISDIR"],
		]) {
			const ran = iommuctl(["ioas", "alloc", "--kernel", "sim", "--record", file]);
			expect([ran.status, ran.stderr]).toEqual([2, expect.stringContaining(`${file} cannot be written: ${why}`)]);
		}
	});

	test("it holds for the whole of a script", () => {
		const ran = script(["ioas alloc --record x"]);
		expect(ran.status).toBe(2);
		expect(ran.stderr).toContain("--record holds for the whole of a script");
	});
});
