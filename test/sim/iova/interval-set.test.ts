/** Tests the interval set against a plain list. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Interval, IntervalSet, IOVA_MAX } from "../../../src/sim/iova/interval-set.js";

/** The same rules on a plain list. */
class Naive {
	items: Interval[] = [];

	first(start: bigint, last: bigint): Interval | undefined {
		return this.items.filter((each) => each.start <= last && each.last >= start).sort(byStart)[0];
	}

	holes(start: bigint, last: bigint): Interval[] {
		const holes: Interval[] = [];
		let at = start;
		for (const item of [...this.items].sort(byStart)) {
			if (item.last < start || item.start > last) continue;
			if (item.start > at) holes.push({ start: at, last: item.start - 1n });
			at = item.last + 1n;
		}
		if (at <= last) holes.push({ start: at, last });
		return holes;
	}
}

function byStart(a: Interval, b: Interval): number {
	return a.start < b.start ? -1 : 1;
}

/** Every hole that the set offers, in order. */
function holesOf(set: IntervalSet<Interval>, start: bigint, last: bigint, length: bigint): Interval[] {
	const holes: Interval[] = [];
	set.firstHole(start, last, length, (from, to) => {
		holes.push({ start: from, last: to });
		return undefined;
	});
	return holes;
}

/** Clusters of addresses at the bottom, in the middle and at the top, where a double is not precise enough. */
const address = fc
	.tuple(fc.constantFrom(0n, 0x1000_0000n, 1n << 53n, (1n << 63n) - 512n, IOVA_MAX - 4095n), fc.bigInt(0n, 4095n))
	.map(([base, offset]) => base + offset);
const operation = fc.record({
	kind: fc.constantFrom("insert", "insert", "insert", "delete", "first", "holes"),
	start: address,
	length: fc.bigInt(1n, 40n),
	pick: fc.nat(),
});

function run(operations: readonly { kind: string; start: bigint; length: bigint; pick: number }[]): void {
	const set = new IntervalSet<Interval>();
	const naive = new Naive();
	for (const { kind, start, length, pick } of operations) {
		const end = start + length - 1n;
		const last = end > IOVA_MAX ? IOVA_MAX : end;
		if (kind === "insert") {
			expect(set.first(start, last)).toBe(naive.first(start, last));
			if (naive.first(start, last) !== undefined) continue;
			const item = { start, last };
			set.insert(item);
			naive.items.push(item);
		} else if (kind === "delete") {
			set.delete({ start, last });
			if (naive.items.length > 0) set.delete(naive.items.splice(pick % naive.items.length, 1)[0]);
		} else if (kind === "first") expect(set.first(start, IOVA_MAX)).toBe(naive.first(start, IOVA_MAX));
		else {
			const to = start + 64n * length;
			const wanted = naive.holes(start, to).filter((hole) => hole.last - hole.start >= length - 1n);
			expect(holesOf(set, start, to, length)).toEqual(wanted);
		}
	}
	expect(set.size).toBe(naive.items.length);
	expect([...set]).toEqual(naive.items.sort(byStart));
	for (const length of [1n, 8n, 1000n, 1n << 53n])
		expect(holesOf(set, 0n, IOVA_MAX, length)).toEqual(naive.holes(0n, IOVA_MAX).filter((hole) => hole.last - hole.start >= length - 1n));
}

describe("IntervalSet", () => {
	test("answers as a plain list does", () => {
		fc.assert(
			fc.property(fc.array(operation, { maxLength: 120, size: "max" }), (operations) => run(operations)),
			{ numRuns: 60 },
		);
	});

	test("however many intervals are added and removed", () => {
		fc.assert(
			fc.property(fc.array(operation, { minLength: 2500, maxLength: 2500 }), (operations) => run(operations)),
			{ numRuns: 2 },
		);
	});

	test.each([
		["rising", (i: number) => i],
		["falling", (i: number) => 9999 - i],
		["scattered", (i: number) => (i * 7919) % 10_000],
	])("ten thousand, %s: every second deleted, found again, and gone", (_name, order) => {
		const set = new IntervalSet<Interval>();
		const items = Array.from({ length: 10_000 }, (_, i) => ({ start: BigInt(i) * 16n, last: BigInt(i) * 16n + 15n }));
		for (let i = 0; i < items.length; i++) set.insert(items[order(i)]);
		expect([...set]).toEqual(items);
		expect(holesOf(set, 0n, 160_000n - 1n, 1n)).toEqual([]);
		for (let i = 0; i < items.length; i++) if (order(i) % 2 === 1) set.delete(items[order(i)]);
		expect(set.size).toBe(5000);
		expect(holesOf(set, 0n, 159_999n, 16n)).toHaveLength(5000);
		expect(holesOf(set, 0n, 159_999n, 17n)).toEqual([]);
		expect(set.first(16n, 31n)).toBeUndefined();
		expect(set.first(16n, 32n)).toBe(items[2]);
		for (let i = 0; i < items.length; i++) set.delete(items[order(i)]);
		expect(set.size).toBe(0);
		expect([...set]).toEqual([]);
		expect(set.firstHole(5n, 9n, 5n, (start, last) => start + last)).toBe(14n);
	});

	test("a hole that does not fit is followed by the next", () => {
		const set = new IntervalSet<Interval>();
		set.insert({ start: 10n, last: 19n });
		set.insert({ start: 30n, last: 39n });
		expect(set.firstHole(0n, 100n, 10n, (start) => (start > 0n ? start : undefined))).toBe(20n);
		expect(set.firstHole(0n, 100n, 10n, (start) => (start > 20n ? start : undefined))).toBe(40n);
		expect(set.firstHole(25n, 100n, 5n, (start, last) => start * 1000n + last)).toBe(25_029n);
		expect(set.firstHole(12n, 24n, 5n, (start, last) => start * 1000n + last)).toBe(20_024n);
		expect(set.firstHole(12n, 23n, 5n, () => 1n)).toBeUndefined();
	});
});
