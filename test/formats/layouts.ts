/** Every layout of src/formats, by name, and values that fit one. */
import fc from "fast-check";
import * as amd from "../../src/formats/amd/index.js";
import * as riscv from "../../src/formats/riscv/index.js";
import * as smmuv3 from "../../src/formats/smmuv3/index.js";
import * as vtd from "../../src/formats/vtd/index.js";
import { type Field, type Layout, limitOf } from "../../src/formats/words.js";

const isField = (value: unknown): value is Field => typeof value === "object" && value !== null && Array.isArray((value as Field).at);
const isLayout = (value: unknown): value is Layout =>
	typeof value === "object" && value !== null && Object.keys(value).length > 0 && Object.values(value).every(isField);

/** A layout may be exported by itself, in a table by name, or as the `layout` of a table's entry. */
function* layoutsIn(name: string, value: unknown, depth = 0): Generator<[name: string, layout: Layout]> {
	if (isLayout(value)) yield [name, value];
	else if (typeof value === "object" && value !== null && !isField(value) && depth < 3)
		for (const [key, each] of Object.entries(value)) yield* layoutsIn(key === "layout" ? name : `${name} ${key}`, each, depth + 1);
}

export const LAYOUTS: readonly [name: string, layout: Layout][] = Object.entries({ amd, riscv, smmuv3, vtd }).flatMap(([vendor, module]) =>
	Object.entries(module).flatMap(([name, value]) => [...layoutsIn(`${vendor} ${name}`, value)]),
);

/** Values that fit a layout's fields. */
export function valuesOf(layout: Layout): fc.Arbitrary<Record<string, bigint>> {
	const fields = Object.entries(layout).map(([name, field]) => {
		const shift = BigInt(field.shift ?? 0);
		return [name, fc.bigInt({ min: 0n, max: limitOf(field) >> shift }).map((value) => value << shift)] as const;
	});
	return fc.record(Object.fromEntries(fields));
}
