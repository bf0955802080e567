/** Files in memory with huge pages: their size is in the trace, and a mock page table's dirty entries follow it. */
import { describe, expect, it } from "vitest";
import { createSim } from "../../src/sim/index.js";
import { checkStep } from "../../src/trace/check.js";
import { recording, type Step } from "../../src/trace/index.js";
import { ProgramReplay } from "../../src/trace/replayer.js";

const MIB = 1 << 20;

describe("memfd with page_size", () => {
	it("is recorded, checked, and replayed", () => {
		const sim = createSim({ header: { trace: "iommufd", version: 1 } });
		const steps: Step[] = [];
		const program = recording(sim.newProcess(), { step: (step) => steps.push(step), end: () => {} });
		program.memfd("huge", BigInt(4 * MIB), 2 * MIB);
		program.memfd("small", 4096n);
		expect(steps).toEqual([
			{ op: "memfd", fd: "memfd1", length: 4 * MIB, page_size: 2 * MIB },
			{ op: "memfd", fd: "memfd2", length: 4096 },
		]);
		const replay = new ProgramReplay(sim.newProcess());
		expect(steps.map((step) => replay.run(step))).toEqual([undefined, undefined]);
		for (const page_size of [0, 4096, 3 * MIB, "2M"])
			expect(() => checkStep({ op: "memfd", fd: "m", length: 1, page_size })).toThrow(/page_size/);
	});
});
