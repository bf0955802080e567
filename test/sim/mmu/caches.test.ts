/** Tests of the range cache against a plain list, and of an IOMMU's caches. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WHOLE } from "../../../src/formats/ranges.js";
import { vendorOf } from "../../../src/sim/board/vendor.js";
import { IommuCaches, NO_PASID } from "../../../src/sim/mmu/caches.js";
import { RangeCache, type RangeEntry, type RangeSelector } from "../../../src/sim/mmu/range-cache.js";
import { vendors } from "../../../src/sim/vendors/registry.js";

const SHIFTS = [12, 14, 21, 30];

const entry = fc
	.record({
		domain: fc.integer({ min: 1, max: 3 }),
		context: fc.integer({ min: 0, max: 2 }),
		shift: fc.constantFrom(...SHIFTS),
		slot: fc.bigInt({ min: 0n, max: 3n }),
		global: fc.boolean(),
	})
	.map((e) => ({ ...e, first: e.slot << BigInt(e.shift) }));

const selector = fc.record(
	{
		domain: fc.integer({ min: 1, max: 3 }),
		context: fc.integer({ min: 0, max: 2 }),
		range: fc
			.tuple(fc.bigInt({ min: 0n, max: 5n << 30n }), fc.constantFrom(0n, 0xfffn, 0x1f_ffffn, 1n << 31n))
			.map(([first, more]) => ({ first, last: first + more })),
		keepGlobals: fc.boolean(),
	},
	{ requiredKeys: [] },
);

type Entry = RangeEntry<number>;
const end = (e: Entry) => e.first + (1n << BigInt(e.shift)) - 1n;
const covers = (e: Entry, domain: number, context: number, a: bigint) =>
	e.domain === domain && (e.global || e.context === context) && a >= e.first && a <= end(e);
const selected = (e: Entry, s: RangeSelector) =>
	(s.domain === undefined || e.domain === s.domain) &&
	(s.context === undefined || e.global || e.context === s.context) &&
	(!s.range || (e.first <= s.range.last && end(e) >= s.range.first)) &&
	!(s.keepGlobals && e.global);
const same = (a: Entry, b: Entry) =>
	a.domain === b.domain && a.shift === b.shift && a.first === b.first && a.global === b.global && (a.global || a.context === b.context);

test("a range cache does what a plain list would do", () => {
	fc.assert(
		fc.property(
			fc.array(
				fc.oneof(
					{ weight: 3, arbitrary: entry.map((e) => ({ op: "add" as const, e })) },
					{ weight: 1, arbitrary: selector.map((s) => ({ op: "invalidate" as const, s })) },
				),
				{ maxLength: 60 },
			),
			(steps) => {
				const cache = new RangeCache<number>(1000);
				let list: Entry[] = [];
				let n = 0;
				for (const step of steps) {
					if (step.op === "add") {
						const e: Entry = { ...step.e, value: n++ };
						cache.add(e);
						list = [...list.filter((x) => !same(x, e)), e];
					} else {
						const gone = list.filter((e) => selected(e, step.s));
						expect(
							cache
								.select(step.s)
								.map((e) => e.value)
								.sort(),
						).toEqual(gone.map((e) => e.value).sort());
						expect(cache.invalidate(step.s)).toBe(gone.length);
						list = list.filter((e) => !selected(e, step.s));
					}
					expect(cache.size).toBe(list.length);
					expect([...cache.entries()].map((e) => e.value).sort()).toEqual(list.map((e) => e.value).sort());
				}
				for (const a of [0n, 0x1fffn, 0x20_0000n, 0x4000_0000n, 0xffff_ffffn])
					for (const domain of [1, 2, 3]) {
						const found = cache.find(domain, 1, a);
						const want = list.filter((e) => covers(e, domain, 1, a));
						expect(found !== undefined).toBe(want.length > 0);
						if (found) expect(want.map((e) => e.value)).toContain(found.value);
					}
			},
		),
	);
});

test("a full cache drops the least recently used entry", () => {
	const cache = new RangeCache<number>(3);
	const add = (page: bigint) => cache.add({ domain: 1, context: 0, first: page << 12n, shift: 12, value: Number(page) });
	for (const page of [1n, 2n, 3n]) add(page);
	cache.find(1, 0, 0x1000n);
	add(4n);
	expect([...cache.entries()].map((e) => e.value)).toEqual([3, 1, 4]);
	add(4n);
	expect(cache.size).toBe(3);
	expect(cache.evictions).toBe(1);
});

test("a cache with no entries holds none", () => {
	const cache = new RangeCache<number>(0);
	cache.add({ domain: 1, context: 0, first: 0n, shift: 12, value: 1 });
	expect(cache.find(1, 0, 0n)).toBeUndefined();
	expect(cache.size).toBe(0);
});

test("addresses use all 64 bits", () => {
	const cache = new RangeCache<number>(4);
	cache.add({ domain: 1, context: 0, first: 0xffff_ffff_ffff_f000n, shift: 12, value: 1 });
	expect(cache.find(1, 0, 0xffff_ffff_ffff_ffffn)?.value).toBe(1);
	expect(cache.find(1, 0, 0xffff_ffff_ffff_efffn)).toBeUndefined();
	expect(cache.invalidate({ range: WHOLE })).toBe(1);
});

describe("the caches of an IOMMU", () => {
	function filled(): IommuCaches<string> {
		const caches = new IommuCaches<string>();
		const value = { pa: 0x9000n, perm: 3 };
		caches.addIotlb({ domain: 7, context: 1, first: 0x1000n, shift: 12, value });
		caches.addIotlb({ domain: 7, context: 2, first: 0x20_0000n, shift: 21, value });
		caches.addAtc(0x80, { context: 1, first: 0x1000n, shift: 12, value });
		caches.addAtc(0x88, { context: NO_PASID, first: 0x1000n, shift: 12, value });
		caches.walkCache(7, 1).add(0x1234n, 21, { level: 1, table: 0x5000n, perm: 3 });
		caches.addPasid({ device: 0x80, context: 1, domain: 7, value: "one" });
		caches.addPasid({ device: 0x80, context: 2, domain: 7, value: "two" });
		return caches;
	}

	test("an invalidation drops exactly what it is said to hit", () => {
		for (const it of [
			{ type: "t", cache: "iotlb" as const, domain: 7, context: 1 },
			{ type: "t", cache: "iotlb" as const, range: { first: 0x3f_ffffn, last: 0x3f_ffffn } },
			{ type: "t", cache: "paging" as const, domain: 7 },
			{ type: "t", cache: "pasid" as const, device: 0x80, context: 2 },
			{ type: "t", cache: "pasid" as const, domain: 8 },
			{ type: "t", cache: "atc" as const, device: 0x80, context: 1, range: WHOLE },
			{ type: "t", cache: "atc" as const },
		]) {
			const caches = filled();
			const before = caches.list();
			const hit = caches.wouldHit(it);
			expect(caches.list()).toEqual(before);
			expect(caches.invalidate(it)).toBe(hit.length);
			expect(caches.list()).toEqual(before.filter((row) => !hit.some((h) => JSON.stringify(h, big) === JSON.stringify(row, big))));
		}
	});

	test("hits, misses and invalidations are counted by type", () => {
		const caches = filled();
		expect(caches.findIotlb(7, 1, 0x1fffn)?.value.pa).toBe(0x9000n);
		caches.findIotlb(7, 3, 0x1fffn);
		caches.findAtc(0x99, 1, 0x1000n);
		expect(caches.findPasid(0x80, 1)).toBe("one");
		expect(caches.walkCache(7, 1).find(0x1f_ffffn)).toEqual({ level: 1, table: 0x5000n, perm: 3 });
		caches.invalidate({ type: "TLBI_NH_ALL", cache: "iotlb", domain: 7 });
		caches.invalidate({ type: "TLBI_NH_ALL", cache: "iotlb", domain: 7 });
		expect(caches.stats()).toMatchObject({
			hits: { iotlb: 1, paging: 1, pasid: 1, atc: 0 },
			misses: { iotlb: 1, paging: 0, pasid: 0, atc: 1 },
			invalidations: { TLBI_NH_ALL: { count: 2, dropped: 2 } },
		});
	});

	test("the PASID cache is bounded as well", () => {
		const caches = new IommuCaches<number>({ pasid: 2 });
		for (const context of [1, 2, 3]) caches.addPasid({ device: 1, context, value: context });
		expect(caches.list()).toHaveLength(2);
		expect(caches.findPasid(1, 1)).toBeUndefined();
		expect(caches.stats().evictions.pasid).toBe(1);
	});

	test.each(["vtd", "smmuv3", "amd"])("%s: each line says which invalidations would hit it", (kind) => {
		for (const row of filled().list()) expect(vendorOf(vendors, kind).hitBy?.(row).join()).toMatch(/[A-Z]/);
	});
});

function big(_key: string, value: unknown): unknown {
	return typeof value === "bigint" ? value.toString() : value;
}
