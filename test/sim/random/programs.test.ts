/** Runs random programs on the simulated kernel and checks its invariants. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { vfioPaths } from "../../../src/fuzz/board.js";
import { type Answer, RandomProgram } from "../../../src/fuzz/program.js";
import { Random } from "../../../src/fuzz/random.js";
import { createSim } from "../../../src/sim/index.js";
import { BUILTIN_MACHINES, checkMachine } from "../../../src/sim/vendors/machines.js";
import { RELEASES } from "../../../structs/index.js";
import { programOf, runProgram, soak } from "./soak.js";

const steps = fc.array(fc.integer({ min: 0 }), { minLength: 1, maxLength: 400, size: "max" });
const release = fc.constantFrom(undefined, undefined, ...RELEASES);
const machine = fc.constantFrom(undefined, undefined, undefined, "mixed", "vtd", "smmuv3", "amd");

function answers(machine: string | undefined, seeds: readonly number[]): Answer[] {
	const sim = createSim(machine === undefined ? {} : { machine: checkMachine(BUILTIN_MACHINES[machine]) });
	const program = new RandomProgram(sim.newProcess(), { paths: vfioPaths(sim) });
	return seeds.map((seed) => program.step(new Random(seed)));
}

describe("whatever a program calls", () => {
	test("IDs are unique, holders exist and are counted, areas are disjoint, and nothing is left when it ends", () => {
		fc.assert(
			fc.property(machine, release, fc.constantFrom(0, 10), steps, (name, old, wild, seeds) => {
				expect(runProgram({ machine: name, release: old, wild, steps: seeds })).toBeUndefined();
			}),
			{ numRuns: 150 },
		);
	});

	test("a second run gets the same answers", () => {
		fc.assert(
			fc.property(machine, steps, (name, seeds) => {
				expect(answers(name, seeds)).toEqual(answers(name, seeds));
			}),
			{ numRuns: 40 },
		);
	});

	// to run this for longer: npm run soak
	test("tens of thousands of random calls and random bytes break nothing", async () => {
		const seed = Number(process.env.IOMMUCTL_SOAK_SEED ?? Date.now() % 2 ** 31);
		console.info(`soak seed ${seed} (again: IOMMUCTL_SOAK_SEED=${seed}, or npm run soak -- --seed ${seed})`);
		const { calls, succeeded } = await soak(seed, { goOn: (result) => result.calls < 40_000, most: (result) => 40_000 - result.calls });
		expect(calls).toBe(40_000);
		expect(succeeded).toBeGreaterThan(2000);
	});

	test("the same seed always gives the same program", () => {
		expect(programOf(7)).toEqual(programOf(7));
		expect(programOf(7).steps).not.toEqual(programOf(8).steps);
	});
});
