/** Tests the FIFO and the pool of numbers against plain lists. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fifo } from "../../../src/sim/memory/fifo.js";
import { IdPool } from "../../../src/sim/memory/id-pool.js";

describe("Fifo", () => {
	test("behaves as a list does", () => {
		const step = fc.oneof(fc.constantFrom("push", "push", "shift", "pop", "unshift"), fc.constant("odd"));
		fc.assert(
			fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
				const fifo = new Fifo<number>();
				let list: number[] = [];
				steps.forEach((kind, i) => {
					if (kind === "push") {
						fifo.push(i);
						list.push(i);
					} else if (kind === "unshift") {
						fifo.unshift(i);
						list.unshift(i);
					} else if (kind === "shift") expect(fifo.shift()).toBe(list.shift());
					else if (kind === "pop") {
						fifo.pop();
						list.pop();
					} else {
						expect(fifo.removeIf((each) => each % 2 === 1)).toEqual(list.filter((each) => each % 2 === 1));
						list = list.filter((each) => each % 2 === 0);
					}
					expect([fifo.size, fifo.first, fifo.last]).toEqual([list.length, list[0], list.at(-1)]);
				});
			}),
		);
	});

	test("keeps its order over a hundred thousand", () => {
		const fifo = new Fifo<number>();
		let next = 0;
		for (let i = 0; i < 100_000; i++) {
			fifo.push(i);
			if (i % 3 !== 0 && fifo.shift() !== next++) throw new Error(`${next} is not in its place`);
		}
		expect([fifo.size, fifo.first]).toEqual([33_334, 66_666]);
	});
});

describe("IdPool", () => {
	test("hands out the lowest free number", () => {
		fc.assert(
			fc.property(fc.nat(3), fc.array(fc.option(fc.nat(12)), { maxLength: 60 }), (first, steps) => {
				const pool = new IdPool<number>(first);
				const model = new Map<number, number>();
				steps.forEach((drop, i) => {
					if (drop !== null) {
						expect(pool.delete(drop)).toBe(model.get(drop));
						model.delete(drop);
						return;
					}
					let id = first;
					while (model.has(id)) id++;
					expect(pool.add(i)).toBe(id);
					model.set(id, i);
					expect(pool.get(id)).toBe(i);
				});
				expect(new Map(pool)).toEqual(model);
				expect(pool.size).toBe(model.size);
			}),
		);
	});
});
