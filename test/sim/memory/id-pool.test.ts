/** Tests the pool of numbers: lowest first, and 0 where it was freed without being in use. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { IdPool } from "../../../src/sim/memory/id-pool.js";

test("the lowest free number comes first, and an empty pool starts again", () => {
	const pool = new IdPool<string>(1);
	expect([pool.add("a"), pool.add("b"), pool.add("c")]).toEqual([1, 2, 3]);
	expect([pool.delete(2), pool.delete(2), pool.delete(9)]).toEqual(["b", undefined, undefined]);
	expect([pool.add("d"), pool.add("e")]).toEqual([2, 4]);
	for (const id of [1, 2, 3, 4]) pool.delete(id);
	expect(pool.add("f")).toBe(1);
});

// As measured on Linux 6.12.117 and 7.3.4 with the cookies of page faults.
test("0 that is freed while others are in use is a number like any other from then on", () => {
	const pool = new IdPool<string>(1);
	pool.freeZero();
	expect(pool.add("a")).toBe(1);
	pool.freeZero();
	pool.freeZero();
	expect([pool.add("b"), pool.add("c")]).toEqual([0, 2]);
	for (const id of [0, 1, 2]) pool.delete(id);
	expect([pool.add("d"), pool.add("e")]).toEqual([0, 1]);
});

test("the numbers that are upcoming are those that are handed out next", () => {
	const numbers = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 30 });
	fc.assert(
		fc.property(numbers, fc.boolean(), fc.nat({ max: 6 }), (freed, zero, count) => {
			const pool = new IdPool<number>(1);
			for (let i = 0; i < 12; i++) pool.add(i);
			for (const id of freed) pool.delete(id);
			if (zero) pool.freeZero();
			const upcoming = pool.upcoming(count);
			expect(upcoming.map(() => pool.add(0))).toEqual(upcoming);
			expect(upcoming).toHaveLength(count);
		}),
	);
});
