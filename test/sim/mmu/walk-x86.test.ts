/** Tests of the x86-64 table walker. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EXEC, type FaultKind, PRIV, READ, type Translation, USER, type WalkFault, WRITE } from "../../../src/sim/mmu/walk.js";
import { walkX86, type X86Paging } from "../../../src/sim/mmu/walk-x86.js";
import { vtdFaultReason } from "../../../src/sim/vendors/vtd/fault-reasons.js";
import { garbage, SparseMemory } from "./helpers/memory.js";
import { X86Tables } from "./helpers/tables.js";

const P = 1n;
const RW = 2n;
const US = 4n;
const ROOT = 0x10_0000n;

function build(levels: 4 | 5 = 4): { memory: SparseMemory; tables: X86Tables; paging: X86Paging } {
	const memory = new SparseMemory();
	return { memory, tables: new X86Tables(memory, levels, ROOT), paging: { levels, root: ROOT } };
}

const fault = (kind: string, level: number) => expect.objectContaining({ ok: false, fault: kind, level }) as WalkFault;

/** sign-extends an address of `bits` bits to 64 */
const canonical = (va: bigint, bits: number) => BigInt.asUintN(64, BigInt.asIntN(bits, va));

describe("a built table translates as it was built", () => {
	const page = fc.record({
		level: fc.integer({ min: 1, max: 3 }),
		slot: fc.bigInt({ min: 0n, max: 511n }),
		pa: fc.bigInt({ min: 0n, max: (1n << 22n) - 1n }),
		writable: fc.boolean(),
	});

	test.each([4, 5] as const)("%i levels", (levels) => {
		fc.assert(
			fc.property(fc.array(page, { maxLength: 20 }), fc.bigInt({ min: 0n, max: (1n << 30n) - 1n }), (pages, offset) => {
				const { memory, tables, paging } = build(levels);
				const model = new Map<bigint, { pa: bigint; size: bigint; writable: boolean }>();
				for (const { level, slot, pa, writable } of pages) {
					const size = 1n << BigInt(12 + 9 * (level - 1));
					// one region for each page size, in the lower and the upper half
					const region =
						slot % 2n === 0n
							? BigInt(level) << 40n
							: canonical((1n << BigInt(levels === 4 ? 47 : 56)) | (BigInt(level) << 40n), levels === 4 ? 48 : 57);
					const va = region + slot * size;
					tables.map(va, pa << 30n, level, P | US | (writable ? RW : 0n));
					model.set(va, { pa: pa << 30n, size, writable });
				}
				for (const [va, { pa, size, writable }] of model) {
					const inside = offset & (size - 1n);
					const got = walkX86(memory, paging, va + inside, READ) as Translation;
					expect(got).toMatchObject({ ok: true, pa: pa + inside, size });
					expect((got.perm & WRITE) !== 0).toBe(writable);
					expect(walkX86(memory, paging, va + inside, WRITE).ok).toBe(writable);
					if (!model.has(va + size)) expect(walkX86(memory, paging, va + size, READ).ok).toBe(false);
				}
			}),
			{ numRuns: 60 },
		);
	});
});

describe("faults", () => {
	test("not present: at the level that lacks the entry", () => {
		const { memory, tables, paging } = build();
		expect(walkX86(memory, paging, 0x1000n, READ)).toEqual(fault("not-present", 4));
		const leaf = tables.map(0x1000n, 0x5000n, 1, P | US);
		expect(walkX86(memory, paging, 0x1000n, READ).ok).toBe(true);
		memory.write64(leaf, 0x5000n);
		expect(walkX86(memory, paging, 0x1000n, READ)).toEqual({ ok: false, fault: "not-present", level: 1, entry: leaf });
	});

	test.each([
		[4 as const, 0x0000_8000_0000_0000n],
		[4 as const, 0xffff_7fff_ffff_f000n],
		[5 as const, 0x0100_0000_0000_0000n],
	])("%i levels: %x is not canonical", (levels, va) => {
		const { memory, paging } = build(levels);
		expect(walkX86(memory, paging, va, READ)).toEqual(fault("non-canonical", levels));
	});

	test("5 levels reach addresses that are not canonical with 4", () => {
		const { memory, tables, paging } = build(5);
		tables.map(0x0000_8000_0000_0000n, 0x7000n, 1, P | US);
		expect(walkX86(memory, paging, 0x0000_8000_0000_0123n, READ)).toMatchObject({ ok: true, pa: 0x7123n });
	});

	test("reserved: address bits above the host's, PS where pages are not allowed, low bits of a huge page", () => {
		const { memory, tables, paging } = build();
		const leaf = tables.map(0x1000n, 1n << 40n, 1, P | US);
		expect(walkX86(memory, { ...paging, addressBits: 39 }, 0x1000n, READ)).toEqual(fault("reserved", 1));
		expect(walkX86(memory, { ...paging, addressBits: 46 }, 0x1000n, READ).ok).toBe(true);
		expect(leaf).toBeGreaterThan(ROOT);
		tables.map(1n << 30n, 0x4000_2000n, 2, P | US);
		expect(walkX86(memory, paging, 1n << 30n, READ)).toEqual(fault("reserved", 2));
		tables.map(2n << 30n, 1n << 30n, 3, P | US);
		expect(walkX86(memory, paging, 2n << 30n, READ).ok).toBe(true);
		expect(walkX86(memory, { ...paging, page1G: false }, 2n << 30n, READ)).toEqual(fault("reserved", 3));
		memory.write64(ROOT, P | US | 0x80n);
		expect(walkX86(memory, paging, 0x1000n, READ)).toEqual(fault("reserved", 4));
	});

	test("a huge page's PAT bit is not reserved", () => {
		const { memory, tables, paging } = build();
		tables.map(1n << 30n, 0x4000_1000n, 2, P | US);
		expect(walkX86(memory, paging, (1n << 30n) + 5n, READ)).toMatchObject({ ok: true, pa: 0x4000_0005n });
	});

	test("a table outside memory", () => {
		const { paging } = build();
		const small = new SparseMemory(0x1000n);
		expect(walkX86(small, paging, 0n, READ)).toEqual({ ok: false, fault: "table-fetch", level: 4, entry: ROOT });
	});

	test("permissions of all levels count; supervisors write read-only pages unless WPE is set", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 0x5000n, 1, P | RW | US, P | US);
		expect(walkX86(memory, paging, 0x1000n, WRITE)).toEqual(fault("permission", 1));
		expect(walkX86(memory, paging, 0x1000n, WRITE | PRIV).ok).toBe(true);
		expect(walkX86(memory, { ...paging, writeProtect: true }, 0x1000n, WRITE | PRIV)).toEqual(fault("permission", 1));
	});

	test("user requests need U/S at every level", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 0x5000n, 1, P | RW, P | RW | US);
		expect(walkX86(memory, paging, 0x1000n, READ)).toEqual(fault("privilege", 1));
		const got = walkX86(memory, paging, 0x1000n, READ | PRIV) as Translation;
		expect(got.perm & USER).toBe(0);
	});

	test("execution: NX counts only with NXE, SMEP keeps supervisors off user pages", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 0x5000n, 1, P | US | (1n << 63n));
		expect(walkX86(memory, paging, 0x1000n, EXEC).ok).toBe(true);
		expect(walkX86(memory, { ...paging, noExecute: true }, 0x1000n, EXEC)).toEqual(fault("permission", 1));
		tables.map(0x2000n, 0x5000n, 1, P | US);
		expect(walkX86(memory, { ...paging, smep: true }, 0x2000n, EXEC | PRIV)).toEqual(fault("permission", 1));
		expect(walkX86(memory, { ...paging, smep: true }, 0x2000n, EXEC).ok).toBe(true);
	});

	test("VT-d's reasons", () => {
		const reason = (kind: FaultKind, level = 1, access = READ) => vtdFaultReason({ fault: kind, level }, 4, access);
		expect(reason("table-fetch", 4)).toBe(0x73);
		expect(reason("table-fetch", 3)).toBe(0x70);
		expect(reason("not-present")).toBe(0x71);
		expect(reason("reserved")).toBe(0x72);
		expect(reason("non-canonical")).toBe(0x80);
		expect(reason("privilege")).toBe(0x81);
		expect(reason("permission", 1, WRITE)).toBe(0x85);
		expect(reason("update")).toBe(0x91);
	});
});

describe("accessed and dirty bits", () => {
	test("accessed at every level, dirty at the leaf of a write; extended accessed if enabled", () => {
		const { memory, tables, paging } = build();
		const leaf = tables.map(0x1000n, 0x5000n, 1, P | RW | US);
		const ad = { ...paging, accessedDirty: true };
		expect(walkX86(memory, ad, 0x1000n, READ)).toMatchObject({ ok: true, clean: true });
		expect(memory.read64(leaf)).toBe(0x5000n | P | RW | US | 0x20n);
		expect(memory.read64(ROOT)).toBe((ROOT + 0x1000n) | 0x27n);
		expect(walkX86(memory, ad, 0x1000n, WRITE)).toMatchObject({ ok: true, clean: false });
		expect(memory.read64(leaf)).toBe(0x5000n | P | RW | US | 0x60n);
		walkX86(memory, { ...ad, extendedAccessed: true }, 0x1000n, READ);
		expect(memory.read64(leaf)).toBe(0x5000n | P | RW | US | 0x460n);
	});

	test("a refused access marks nothing dirty; tables that cannot be written cause a fault", () => {
		const { memory, tables, paging } = build();
		const leaf = tables.map(0x1000n, 0x5000n, 1, P | US, P | US | RW | 0x20n);
		walkX86(memory, { ...paging, accessedDirty: true }, 0x1000n, WRITE);
		expect((memory.read64(leaf) as bigint) & 0x60n).toBe(0n);
		const readOnly = { read64: (a: bigint) => memory.read64(a) };
		expect(walkX86(readOnly, { ...paging, accessedDirty: true }, 0x1000n, READ)).toEqual(fault("update", 1));
	});
});

test("garbage, loops and tables outside memory end in a result after at most one read per level", () => {
	fc.assert(
		fc.property(
			fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
			fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
			fc.constantFrom(0n, 1n, 7n, 0x87n),
			fc.constantFrom(0n, 0x80n, 0xfff0_0000_0000_0f80n),
			fc.constantFrom<4 | 5>(4, 5),
			fc.integer({ min: 0, max: 15 }),
			(seed, va, always, never, levels, access) => {
				let reads = 0;
				const inner = garbage(seed, always, never, 1n << 50n);
				const read64 = (a: bigint) => {
					reads++;
					return inner.read64(a);
				};
				const memory = { ...inner, read64 };
				const paging: X86Paging = { levels, root: seed & 0xf_ffff_ffff_f000n, addressBits: 46, accessedDirty: true };
				const got = walkX86(memory, paging, va, access);
				expect(typeof got.ok).toBe("boolean");
				expect(reads).toBeLessThanOrEqual(levels);
			},
		),
	);
});

test("a table that points to itself is walked once per level", () => {
	const memory = new SparseMemory();
	memory.write64(ROOT, ROOT | P | RW | US);
	const got = walkX86(memory, { levels: 5, root: ROOT }, 0x123n, READ);
	expect(got).toMatchObject({ ok: true, pa: ROOT + 0x123n });
	expect(memory.reads).toBe(5);
});
