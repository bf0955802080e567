/** Tests the interval counter against a plain list of numbers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IntervalCounter } from "../../../src/sim/memory/interval-counter.js";

const SIZE = 24;
const change = fc.record({ start: fc.nat(SIZE - 1), length: fc.nat(8), remove: fc.boolean() });

/** The runs of a list for which `test` holds. */
function runsOf(counts: readonly number[], test: (count: number) => boolean): [number, number][] {
	const runs: [number, number][] = [];
	counts.forEach((count, i) => {
		if (!test(count)) return;
		const last = runs.at(-1);
		if (last !== undefined && last[1] === i) last[1] = i + 1;
		else runs.push([i, i + 1]);
	});
	return runs;
}

/** Joins ranges that touch. */
function joined(runs: Iterable<readonly [number, number]>): [number, number][] {
	const all: [number, number][] = [];
	for (const [from, to] of runs) {
		const last = all.at(-1);
		if (last !== undefined && last[1] === from) last[1] = to;
		else all.push([from, to]);
	}
	return all;
}

describe("IntervalCounter", () => {
	test("counts as a list of numbers does, and reports ranges that leave 0 and return to it", () => {
		fc.assert(
			fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
				const counter = new IntervalCounter();
				const counts = new Array<number>(SIZE).fill(0);
				for (const { start, length, remove } of changes) {
					const end = Math.min(start + length, SIZE);
					// The count never falls below 0: only a holder releases.
					if (remove && counts.slice(start, end).includes(0)) continue;
					const told: [number, number][] = [];
					const before = [...counts];
					counter.add(start, end, remove ? -1 : 1, (from, to) => told.push([from, to]));
					for (let i = start; i < end; i++) counts[i] += remove ? -1 : 1;
					const crossed = counts.map((count, i) => Number((before[i] === 0) !== (count === 0)));
					expect(joined(told)).toEqual(runsOf(crossed, (count) => count === 1));
					expect(counts.map((_, i) => counter.at(i))).toEqual(counts);
				}
				expect(joined(counter.runs(0, SIZE))).toEqual(runsOf(counts, (count) => count > 0));
				expect(joined(counter.runs(0, SIZE, true))).toEqual(runsOf(counts, (count) => count === 0));
				expect(counter.empty).toBe(counts.every((count) => count === 0));
				for (const value of [0, 1, 2]) {
					const first = counts.findIndex((count) => count !== value);
					expect(counter.firstOther(0, SIZE, value)).toBe(first < 0 ? SIZE : first);
				}
			}),
		);
	});

	test("costs memory for changes, not for the range covered", () => {
		const counter = new IntervalCounter();
		counter.add(0, 2 ** 50, 1);
		counter.add(2 ** 40, 2 ** 41, 1);
		expect([counter.at(0), counter.at(2 ** 40), counter.at(2 ** 41), counter.at(2 ** 50)]).toEqual([1, 2, 1, 0]);
		counter.add(2 ** 40, 2 ** 41, -1);
		counter.add(0, 2 ** 50, -1);
		expect(counter.empty).toBe(true);
	});
});
