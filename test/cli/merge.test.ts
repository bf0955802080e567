/** What threads that worked on copies changed is put together. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeMap } from "../../src/cli/frame/merge.js";

const keys = ["a", "b", "c", "d", "e"];
const maps = fc
	.array(
		fc.tuple(
			fc.constantFrom(...keys),
			fc.integer({ min: 0, max: 2 }).map((n) => ({ n })),
		),
	)
	.map((entries) => new Map(entries));

describe("maps", () => {
	test("one copy's changes make the original like it", () => {
		fc.assert(
			fc.property(maps, maps, (before, after) => {
				const target = new Map(before);
				mergeMap(target, before, after);
				expect(target).toEqual(after);
			}),
		);
	});

	test("what only one of two copies changed is as that one left it, and what both changed as the second did", () => {
		fc.assert(
			fc.property(maps, maps, maps, (before, first, second) => {
				const target = new Map(before);
				mergeMap(target, before, first);
				mergeMap(target, before, second);
				for (const key of keys) {
					const by = second.get(key)?.n === before.get(key)?.n ? first : second;
					expect(target.get(key)).toEqual(by.get(key));
				}
			}),
		);
	});
});
