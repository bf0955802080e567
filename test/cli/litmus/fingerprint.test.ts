/** States of a litmus test that look the same are the same. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allVisible, fingerprint } from "../../../src/cli/commands/tools/litmus/fingerprint.js";
import type { Kernel } from "../../../src/kernel/kernel.js";
import { explore, outcomeKey } from "../../../src/litmus/index.js";
import { createSim } from "../../../src/sim/index.js";
import { alloc, destroy, litmusOf, map, stage, unmap, withIoas } from "../../litmus/record.js";

const memory = 0x10_0000_0000n;
const step = fc.record({
	op: fc.constantFrom("map", "unmap", "destroy", "alloc"),
	page: fc.integer({ min: 1, max: 4 }),
	pages: fc.integer({ min: 1, max: 2 }),
	id: fc.integer({ min: 1, max: 3 }),
});
const program = fc.array(step, { minLength: 1, maxLength: 4 });

const seeing = () => {
	const sim = createSim();
	return { kernel: sim.newProcess(), fingerprint: () => fingerprint(sim) };
};

describe("states that look the same", () => {
	it("are run once, and no outcome is lost", () => {
		let cuts = 0;
		fc.assert(
			fc.property(program, program, (...programs) => {
				const test = litmusOf(
					(kernel: Kernel) => {
						const made = withIoas(kernel);
						kernel.mmap({ addr: memory, length: 0x10000n, prot: 3 });
						return made;
					},
					programs.map((steps) => (kernel: Kernel, { fd }: { fd: number }) => {
						for (const { op, page, pages, id } of steps) {
							const [iova, length] = [BigInt(page) * 0x1000n, BigInt(pages) * 0x1000n];
							if (op === "map") map(kernel, fd, id, memory, iova, length);
							else if (op === "unmap") unmap(kernel, fd, id, iova, length);
							else if (op === "destroy") destroy(kernel, fd, id);
							else alloc(kernel, fd);
						}
					}),
					(kernel, { fd, ioas }) => {
						unmap(kernel, fd, ioas, 0n, 0xffff_ffff_ffff_ffffn);
						alloc(kernel, fd);
					},
				);
				expect(allVisible(test)).toBe(true);
				const keys = (found: ReturnType<typeof explore>) => found.allowed.map(({ outcome }) => outcomeKey(outcome)).sort();
				const cut = explore(test, { stage: seeing, limit: 1000, seed: 1 });
				expect(keys(cut)).toEqual(keys(explore(test, { stage, limit: 1000, seed: 1 })));
				expect(cut.run + cut.cut).toBeLessThanOrEqual(Number(cut.orders));
				cuts += cut.cut;
			}),
			{ numRuns: 40, seed: 11 },
		);
		expect(cuts).toBeGreaterThan(0);
	});

	it("are not trusted where a call's effect cannot be seen", () => {
		const test = litmusOf(withIoas, [
			(kernel, { fd }) => void kernel.read(fd, new Uint8Array(8)),
			(kernel, { fd, ioas }) => void destroy(kernel, fd, ioas),
		]);
		expect(allVisible(test)).toBe(false);
	});
});
