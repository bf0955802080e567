/** Layouts: every one of them is sound, and all ways to read and write a field agree. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	at,
	decodeFields,
	describeFields,
	encodeField,
	encodeFields,
	fits,
	flagReader,
	type Layout,
	limitOf,
	maskOf,
	numberReader,
	placeField,
	reader,
	reservedOf,
	strayBits,
	widthOf,
} from "../../src/formats/words.js";
import { LAYOUTS, valuesOf } from "./layouts.js";

const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const wordsOf = (layout: Layout) => Math.max(0, ...Object.values(layout).flatMap((field) => field.at.map(([at]) => at + 1)));
const zeroes = (layout: Layout) => Array.from({ length: wordsOf(layout) }, () => 0n);

test("the layouts that exist", () => {
	const names = LAYOUTS.map(([name]) => name);
	expect(new Set(names).size).toBe(names.length);
	for (const one of ["smmuv3 STE", "smmuv3 CD", "smmuv3 SMMU_IDR", "vtd VTD_PASID_ENTRY", "vtd VTD_ECAP", "amd AMD_DTE", "amd AMD_EFR"])
		expect(names).toContain(one);
	expect(names).toContain("smmuv3 SMMU_COMMANDS ATC_INV");
	expect(names).toContain("smmuv3 SMMU_EVENT_LAYOUTS F_TRANSLATION");
	expect(names).toContain("vtd VTD_DESCRIPTORS PASID_IOTLB");
	expect(names).toContain("amd AMD_COMMANDS INVALIDATE_IOMMU_PAGES");
	expect(names.length).toBeGreaterThan(60);
});

describe.each(LAYOUTS)("%s", (_name, layout) => {
	test("every field is within its words, and no two overlap", () => {
		const taken = zeroes(layout);
		for (const [name, field] of Object.entries(layout)) {
			for (const [at, hi, lo] of field.at) {
				expect(at).toBeGreaterThanOrEqual(0);
				expect(lo).toBeGreaterThanOrEqual(0);
				expect(hi).toBeGreaterThanOrEqual(lo);
				expect(hi).toBeLessThan(64);
				const bits = maskOf({ piece: { at: [[at, hi, lo]] } }, ["piece"], at);
				expect(taken[at] & bits, name).toBe(0n);
				taken[at] |= bits;
			}
			for (const value of Object.values(field.names ?? {})) expect(fits(field, BigInt(value)), name).toBe(true);
		}
		taken.forEach((bits, at) => {
			expect(reservedOf(layout, at)).toBe(~bits & ((1n << 64n) - 1n));
		});
	});

	test("what is encoded decodes to itself, and nothing else is set", () => {
		fc.assert(
			fc.property(valuesOf(layout), (values) => {
				const words = encodeFields(layout, values, zeroes(layout));
				expect(decodeFields(layout, words)).toEqual(values);
				expect(strayBits(layout, words, [])).toEqual(zeroes(layout));
			}),
			{ numRuns: 20 },
		);
	});

	test("what is decoded encodes to the same words, reserved bits left out", () => {
		fc.assert(
			fc.property(fc.array(word, { minLength: wordsOf(layout), maxLength: wordsOf(layout) }), (words) => {
				const again = encodeFields(layout, decodeFields(layout, words), zeroes(layout));
				expect(again).toEqual(words.map((each, at) => each & ~reservedOf(layout, at)));
				expect(strayBits(layout, words, [])).toEqual(words.map((each, at) => each & reservedOf(layout, at)));
			}),
			{ numRuns: 20 },
		);
	});

	test("each field by itself reads as it decodes, and is placed as it encodes", () => {
		fc.assert(
			fc.property(fc.array(word, { minLength: wordsOf(layout), maxLength: wordsOf(layout) }), (words) => {
				const values = decodeFields(layout, words);
				for (const [name, field] of Object.entries(layout)) {
					expect(reader(layout, name)(words)).toBe(values[name]);
					if (widthOf(field) + (field.shift ?? 0) <= 53) expect(numberReader(layout, name)(words)).toBe(Number(values[name]));
					if (widthOf(field) === 1) expect(flagReader(layout, name)(words)).toBe(values[name] === 1n);
					const placed = zeroes(layout);
					placeField(placed, field, values[name]);
					expect(placed).toEqual(encodeFields(layout, { [name]: values[name] }, zeroes(layout)));
				}
			}),
			{ numRuns: 10 },
		);
	});

	test("a value fits, or is refused", () => {
		for (const [name, field] of Object.entries(layout)) {
			const limit = limitOf(field);
			expect(fits(field, limit)).toBe(true);
			expect(encodeFields(layout, { [name]: limit }, zeroes(layout))).toEqual(zeroes(layout).map((_, at) => maskOf(layout, [name], at)));
			for (const wrong of [limit + 1n, limit + (1n << BigInt(field.shift ?? 0)), -1n, 1n << 70n]) {
				expect(fits(field, wrong)).toBe(false);
				const words = zeroes(layout);
				expect(encodeField(layout, name, wrong, words)).toBe(false);
				expect(words).toEqual(zeroes(layout));
				expect(() => encodeFields(layout, { [name]: wrong }, zeroes(layout))).toThrow(RangeError);
			}
		}
	});
});

test("fields as text: those that are not 0, addresses in hexadecimal", () => {
	const layout = { a: at(0, 3, 0), b: at(0, 7, 4), address: at(1, 63, 12, 12) };
	expect(describeFields(layout, [0x50n, 0x1_7fffn])).toEqual(["b=5", "address=0x17000"]);
	expect(describeFields(layout, [0n, 0n])).toEqual([]);
});
