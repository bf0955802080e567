/** Ctrl-C in the middle of a campaign of `fuzz`. */
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { watch } from "node:fs";
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { runBlock } from "../../../src/cli/commands/tools/fuzz/block.js";
import { Interrupted, Interrupts } from "../../../src/cli/commands/tools/fuzz/interrupt.js";
import { mergeJson } from "../../../src/cli/commands/tools/report/json.js";
import type { Fuzzer, ProgramResult } from "../../../src/fuzz/index.js";
import { bin, temporaryFolder } from "../cli.js";

test("the program that runs comes to its end, no further one begins, and the block is not finished", async () => {
	const signals = new EventEmitter();
	const interrupts = new Interrupts({ source: signals });
	const ran: number[] = [];
	const run = async (number: number): Promise<ProgramResult> => {
		if (number === 2) signals.emit("SIGINT", "SIGINT");
		ran.push(number);
		const program = { seed: 1, number, steps: [], behaviour: new Set<string>(), fresh: false, leftovers: [] };
		return { program, findings: [], repeated: [], first: [], covered: false, known: [] };
	};
	const fuzzer = { run } as unknown as Fuzzer;
	const block = { name: "seed 1 block 0", from: 0, to: 200 };
	const ended = runBlock(block, { fuzzer, known: [], before: (number) => interrupts.check(number), after() {}, over: () => false });
	const error = await ended.catch((thrown: unknown) => thrown);
	expect(error).toBeInstanceOf(Interrupted);
	expect(error).toMatchObject({ signal: "SIGINT", number: 3, soFar: { programs: 3 } });
	expect(ran).toEqual([0, 1, 2]);
	interrupts.end();
	expect(signals.eventNames()).toEqual([]);
});

test("while other threads run the blocks, nobody waits for them", async () => {
	const signals = new EventEmitter();
	const interrupts = new Interrupts({ source: signals, harmless: true });
	const results = (async function* () {
		yield "block 0";
		signals.emit("SIGTERM", "SIGTERM");
		await new Promise(() => {});
	})();
	const seen: string[] = [];
	const all = async (): Promise<void> => {
		for await (const result of interrupts.during(results, () => 200)) seen.push(result);
	};
	await expect(all()).rejects.toMatchObject({ signal: "SIGTERM", number: 200 });
	expect(seen).toEqual(["block 0"]);
	// A second one ends the process.
	expect(signals.eventNames()).toEqual([]);
});

/** Runs fuzz, and interrupts it when `ready`. */
async function interrupted(words: readonly string[], ready: (child: ChildProcess) => Promise<unknown>) {
	const child = spawn(process.execPath, [bin, "fuzz", "--programs", "1000000", ...words], { stdio: ["ignore", "pipe", "pipe"] });
	const said = { stdout: "", stderr: "" };
	for (const name of ["stdout", "stderr"] as const)
		child[name].on("data", (data) => {
			said[name] += data;
		});
	const closed = once(child, "close");
	await ready(child);
	child.kill("SIGINT");
	const [, signal] = await closed;
	return { signal, ...said };
}

test("the run ends with what it found", async () => {
	const ran = await interrupted(["--right", "sim:uapi=6.18", "--jobs", "1"], (child) => once(child.stdout as Readable, "data"));
	expect(ran.signal).toBe("SIGINT");
	expect(ran.stdout).toMatch(/\nsim and sim:uapi=6\.18 differ: \d+ findings? in \d+ programs?, .*\n$/);
	const next = /in (\d+) programs?, /.exec(ran.stdout)?.[1];
	expect(ran.stderr).toBe(`note: interrupted before program ${next}; --from ${next} goes on there\n`);
});

test("in several threads too", async () => {
	const folder = temporaryFolder();
	const begun = new Promise((resolve) => watch(folder, { persistent: false }, (_, name) => name === "begun.json" && resolve(name)));
	const ran = await interrupted(["--right", "sim", "--jobs", "2", "--json", "--shard", "1/1", "--resume", folder], () => begun);
	expect(ran.signal).toBe("SIGINT");
	expect(JSON.parse(ran.stdout)).toMatchObject({ programs: 0, findings: [], interrupted: 0, shard: { shard: "1/1" } });
	expect(ran.stderr).toBe("note: interrupted before program 0; the same command goes on there\n");
	expect(() => mergeJson([{ from: "part", text: ran.stdout }])).toThrow("part is of a run that was interrupted");
});
