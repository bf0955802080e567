/** Tests failslab's knobs: which allocations fail. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failslab, type Knobs } from "../../../src/exec/overlay/failslab.js";

const OFF: Knobs = {
	probability: 0,
	interval: 1,
	times: 1,
	space: 0,
	verbose: 0,
	"task-filter": false,
	"ignore-gfp-wait": false,
	"cache-filter": false,
};

/** The numbers of the allocations that fail, of `calls` that make so many each; a call goes on after a failure. */
function failures(slab: Failslab, calls: readonly number[]): number[] {
	const failed: number[] = [];
	let made = 0;
	for (const count of calls) {
		let counted = made;
		let next = slab.next();
		for (let i = 0; i < count; i++) {
			made++;
			if (next === undefined || made !== counted + next) continue;
			slab.failed();
			failed.push(made);
			counted = made;
			next = slab.next();
		}
		slab.passed(made - counted);
	}
	return failed;
}

const slab = (knobs: Partial<Knobs>, changed = (_: Pick<Knobs, "times" | "space">) => {}, log = (_: string) => {}) =>
	new Failslab({ ...OFF, ...knobs }, changed, log);

describe("failslab", () => {
	test("probability 100: all fail, as often as times says", () => {
		expect(failures(slab({ probability: 100, times: 3 }), [2, 5])).toEqual([1, 2, 3]);
		expect(failures(slab({ probability: 100, times: -1 }), [4])).toEqual([1, 2, 3, 4]);
		expect(failures(slab({ probability: 100, times: 0 }), [4])).toEqual([]);
		expect(failures(slab({ times: -1 }), [4])).toEqual([]);
	});

	test("interval and space; allocations that may sleep and unmarked caches are spared if asked", () => {
		expect(failures(slab({ probability: 100, times: -1, interval: 3 }), [2, 2, 5])).toEqual([3, 6, 9]);
		expect(failures(slab({ probability: 100, times: -1, space: 256 }), [2, 4])).toEqual([4, 5, 6]);
		expect(failures(slab({ probability: 100, times: -1, "ignore-gfp-wait": true }), [4])).toEqual([]);
		expect(failures(slab({ probability: 100, times: -1, "cache-filter": true }), [4])).toEqual([]);
	});

	test("what is left of times and space is told, and the log has what the kernel says", () => {
		const told: unknown[] = [];
		const log: string[] = [];
		failures(
			slab(
				{ probability: 100, times: 2, space: 128, verbose: 1 },
				(now) => told.push(now),
				(line) => log.push(line),
			),
			[1, 1, 1],
		);
		expect(told).toEqual([
			{ space: 64, times: 2 },
			{ space: 64, times: 1 },
			{ space: 64, times: 0 },
		]);
		expect(log.slice(0, 2)).toEqual([
			"FAULT_INJECTION: forcing a failure.",
			"name failslab, interval 1, probability 100, space 64, times 2",
		]);
	});

	test("how allocations are spread over calls makes no difference; about as many fail as the probability says", () => {
		const knobs = fc.record({
			probability: fc.integer({ min: 1, max: 100 }),
			interval: fc.integer({ min: 1, max: 5 }),
			space: fc.integer({ min: 0, max: 600 }),
		});
		fc.assert(
			fc.property(knobs, fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 30 }), (some, calls) => {
				const total = calls.reduce((sum, each) => sum + each, 0);
				expect(failures(slab({ ...some, times: -1 }), calls)).toEqual(failures(slab({ ...some, times: -1 }), Array(total).fill(1)));
			}),
		);
		const count = failures(slab({ probability: 20, times: -1 }), Array(5000).fill(1)).length;
		expect(count).toBeGreaterThan(800);
		expect(count).toBeLessThan(1200);
	});
});
