/** Ctrl-C in the middle of a campaign of `fuzz` on the real kernel. */
import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { runBlock } from "../../../src/cli/commands/tools/fuzz/block.js";
import { Interrupted, Interrupts } from "../../../src/cli/commands/tools/fuzz/interrupt.js";
import type { Fuzzer, ProgramResult } from "../../../src/fuzz/index.js";

test("the program that runs comes to its end, no further one begins, and the block is not finished", async () => {
	const signals = new EventEmitter();
	const interrupts = new Interrupts(signals);
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
	await expect(ended).rejects.toEqual(new Interrupted("SIGINT", 3));
	expect(ran).toEqual([0, 1, 2]);
	interrupts.end();
	expect(signals.eventNames()).toEqual([]);
});
