/** Programs are recorded as they are: here on /dev/null, which answers what it answers. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Ended, recordProgram } from "../../src/record/index.js";
import type { Step } from "../../src/trace/index.js";

// The thread's FFI is the build's, and must stay loaded once the thread has ended.
createRequire(new URL("../../dist/main.cjs", import.meta.url))("ffi-napi");

const folder = mkdtempSync(join(tmpdir(), "iommuctl-record-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

interface Recorded {
	readonly ended: Ended;
	readonly programs: readonly { readonly name: string; readonly steps: readonly Step[] }[];
}

/** Runs a Perl program; its calls on /dev/null and /dev/zero are recorded. */
async function perl(text: string, options: { time?: boolean; withMemory?: boolean } = {}): Promise<Recorded> {
	const file = join(folder, `${++count}.jsonl`);
	const ended = await recordProgram({
		file,
		header: { kernel: "real" },
		program: "perl",
		args: ["-e", text],
		paths: ["/dev/null", "/dev/zer*"],
		name: "perl",
		time: options.time ?? false,
		withMemory: options.withMemory ?? false,
		cwd: folder,
		env: { PATH: process.env.PATH },
		worker: new URL("../../dist/recorder.cjs", import.meta.url),
		stub: new URL("../../dist/recorded.cjs", import.meta.url).pathname,
	});
	const programs: { name: string; steps: Step[] }[] = [];
	for (const line of readFileSync(file, "utf8").trim().split("\n").slice(1)) {
		const value = JSON.parse(line) as { program?: string; op?: string };
		if (value.program !== undefined) programs.push({ name: value.program, steps: [] });
		else if (value.op !== "end") programs.at(-1)?.steps.push(value as Step);
	}
	return { ended, programs };
}

describe("a recorded program", () => {
	it("opens, reads, writes and closes", async () => {
		const { ended, programs } = await perl(
			'open(F, "+<", "/dev/null") or die; syswrite(F, "abc"); sysread(F, $x, 5); close(F); open(G, "<", "/etc/passwd"); exit 7',
		);
		expect(ended).toEqual({ code: 7, programs: 1, unknown: 0 });
		expect(programs).toEqual([
			{
				name: "perl",
				steps: [
					{ op: "open", path: "/dev/null", fd: "file1" },
					{ op: "write", fd: "file1", data: "616263", ret: 3 },
					{ op: "read", fd: "file1", length: 5, ret: 0, data: "" },
					{ op: "close", fd: "file1" },
				],
			},
		]);
	});
});
