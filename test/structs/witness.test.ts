/** Compares every declared layout with ref-struct-di's. */
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { allStructs, array, inline, struct, u8, u16, u32, u64, union } from "../../structs/index.js";
import { layoutDifferences, type RefModules, witnessLayout } from "../../structs/witness.js";

const require = createRequire(import.meta.url);
const ref = require("ref-napi") as RefModules["ref"];
const modules: RefModules = { ref, struct: (require("ref-struct-di") as (ref: unknown) => RefModules["struct"])(ref) };

describe("ref-struct-di as witness", () => {
	it("agrees with the size and every offset of every declared struct", () => {
		expect(layoutDifferences(modules)).toEqual([]);
	});

	it.each(allStructs().map((type) => [type.name, type] as const))("%s: knows the same fields", (_, type) => {
		expect(Object.keys(witnessLayout(type, modules).offsets).sort()).toEqual(Object.keys(type.offsets).sort());
	});

	it("agrees on padding in every place", () => {
		const holes = struct(
			"holes",
			{ a: u8, b: u64, c: u16, d: array(u8, 3), $u: union({ e: u16, f: inline({ g: u8, h: u32 }) }), i: u8 },
			"holes",
		);
		expect(holes.size).toBe(40);
		expect(layoutDifferences(modules, [holes])).toEqual([]);
	});

	it("sees a layout that is wrong", () => {
		const right = struct("wrong", { a: u8, b: u32 }, "a struct");
		const wrong = Object.create(right, { size: { value: 12 }, offsets: { value: { a: 0, b: 8 } } });
		expect(layoutDifferences(modules, [wrong])).toEqual(["wrong: size 12, the witness says 8", "wrong.b: offset 8, the witness says 4"]);
	});
});
