/** Tests of the Arm VMSAv8-64 table walker. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EXEC, PRIV, READ, type Translation, type WalkFault, WRITE } from "../../../src/sim/mmu/walk.js";
import { type ArmPaging, walkArm } from "../../../src/sim/mmu/walk-arm.js";
import { garbage, SparseMemory } from "./helpers/memory.js";
import { ARM_PAGE, ARM_READ_ONLY, ArmTables } from "./helpers/tables.js";

const TTB = 0x10_0000n;
const AF = 0x400n;
const USER_PAGE = 0x40n;

function build(granule: 12 | 14 | 16 = 12, inputBits = 39): { memory: SparseMemory; tables: ArmTables; paging: ArmPaging } {
	const memory = new SparseMemory(1n << 48n);
	return { memory, tables: new ArmTables(memory, granule, inputBits, TTB), paging: { granule, inputBits, outputBits: 44, ttb: TTB } };
}

const fault = (kind: string, level: number) => expect.objectContaining({ ok: false, fault: kind, level }) as WalkFault;

describe("a built table translates as it was built", () => {
	test.each([
		[12, [39, 48, 25, 30, 31, 47], [1, 2, 3]],
		[14, [36, 47, 48, 25, 37], [2, 3]],
		[16, [42, 48, 25, 29, 30], [2, 3]],
	] as const)("granule 2^%i", (granule, sizes, levels) => {
		fc.assert(
			fc.property(
				fc.constantFrom(...sizes),
				fc.boolean(),
				fc.array(
					fc.record({
						level: fc.constantFrom(...levels),
						slot: fc.bigInt({ min: 0n, max: (1n << 48n) - 1n }),
						pa: fc.bigInt({ min: 0n, max: (1n << 44n) - 1n }),
						readOnly: fc.boolean(),
					}),
					{ maxLength: 12 },
				),
				fc.bigInt({ min: 0n, max: (1n << 42n) - 1n }),
				(inputBits, upper, pages, offset) => {
					const { memory, tables } = build(granule, inputBits);
					const paging: ArmPaging = { granule, inputBits, outputBits: 44, ttb: TTB, upper };
					const top = upper ? BigInt.asUintN(64, -(1n << BigInt(inputBits))) : 0n;
					const model: { va: bigint; pa: bigint; size: bigint; readOnly: boolean }[] = [];
					for (const { level, slot, pa, readOnly } of pages) {
						const shift = tables.shift(level);
						if (Number(shift) > inputBits || level < tables.firstLevel) continue;
						const input = BigInt.asUintN(inputBits, (slot >> shift) << shift);
						const size = 1n << shift;
						if (model.some((m) => BigInt.asUintN(inputBits, m.va) < input + size && input < BigInt.asUintN(inputBits, m.va) + m.size))
							continue;
						const to = (pa >> shift) << shift;
						tables.map(top | input, to, level, ARM_PAGE | (readOnly ? ARM_READ_ONLY : 0n));
						model.push({ va: top | input, pa: to, size, readOnly });
					}
					for (const { va, pa, size, readOnly } of model) {
						const inside = offset & (size - 1n);
						expect(walkArm(memory, paging, va + inside, READ)).toMatchObject({ ok: true, pa: pa + inside, size });
						expect(walkArm(memory, paging, va + inside, WRITE).ok).toBe(!readOnly);
					}
				},
			),
			{ numRuns: 60 },
		);
	});
});

describe("faults", () => {
	test("addresses outside the input size or the half", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 0x5000n);
		expect(walkArm(memory, paging, 0x1000n, READ).ok).toBe(true);
		expect(walkArm(memory, paging, 1n << 39n, READ)).toEqual(fault("not-present", 1));
		expect(walkArm(memory, { ...paging, upper: true }, 0x1000n, READ)).toEqual(fault("not-present", 1));
		expect(walkArm(memory, { ...paging, disabled: true }, 0x1000n, READ)).toEqual(fault("not-present", 1));
	});

	test("TBI ignores the top byte, and only that", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 0x5000n);
		const tagged = (0xa5n << 56n) | 0x1008n;
		expect(walkArm(memory, paging, tagged, READ).ok).toBe(false);
		expect(walkArm(memory, { ...paging, ignoreTopByte: true }, tagged, READ)).toMatchObject({ ok: true, pa: 0x5008n });
		expect(walkArm(memory, { ...paging, ignoreTopByte: true }, tagged | (1n << 50n), READ).ok).toBe(false);
	});

	test("reserved descriptors: a block at the last level or where blocks are not allowed", () => {
		const { memory, tables, paging } = build();
		const leaf = tables.map(0x1000n, 0x5000n);
		memory.write64(leaf, 0x5000n | (ARM_PAGE & ~2n));
		expect(walkArm(memory, paging, 0x1000n, READ)).toEqual({ ok: false, fault: "not-present", level: 3, entry: leaf });
		const big = build(16, 42);
		big.memory.write64(TTB, 0x741n);
		expect(walkArm(big.memory, big.paging, 0n, READ).ok).toBe(true);
		const huge = build(14, 47);
		huge.memory.write64(TTB, 0x741n);
		expect(walkArm(huge.memory, huge.paging, 0n, READ)).toEqual(fault("not-present", 1));
	});

	test("output wider than IPS, in a table and in a page", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 1n << 40n);
		expect(walkArm(memory, { ...paging, outputBits: 40 }, 0x1000n, READ)).toEqual(fault("address-size", 3));
		memory.write64(TTB, (1n << 42n) | 3n);
		expect(walkArm(memory, { ...paging, outputBits: 40 }, 0x1000n, READ)).toEqual(fault("address-size", 1));
	});

	test("access flag: a fault, ignored (AFFD), or set by hardware (HA)", () => {
		const { memory, tables, paging } = build();
		const leaf = tables.map(0x1000n, 0x5000n, 3, ARM_PAGE & ~AF);
		expect(walkArm(memory, paging, 0x1000n, READ)).toEqual(fault("access-flag", 3));
		expect(walkArm(memory, { ...paging, noAccessFault: true }, 0x1000n, READ).ok).toBe(true);
		expect(walkArm(memory, { ...paging, setAccess: true }, 0x1000n, READ).ok).toBe(true);
		expect((memory.read64(leaf) as bigint) & AF).toBe(AF);
	});

	test("permissions: read-only, supervisor pages, XN, WXN, PAN, and those of tables", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 0x5000n, 3, ARM_PAGE | ARM_READ_ONLY);
		expect(walkArm(memory, paging, 0x1000n, WRITE)).toEqual(fault("permission", 3));
		tables.map(0x2000n, 0x6000n, 3, ARM_PAGE & ~USER_PAGE);
		expect(walkArm(memory, paging, 0x2000n, READ)).toEqual(fault("permission", 3));
		expect(walkArm(memory, paging, 0x2000n, READ | PRIV).ok).toBe(true);
		tables.map(0x3000n, 0x7000n, 3, ARM_PAGE | (1n << 54n));
		expect(walkArm(memory, paging, 0x3000n, EXEC)).toEqual(fault("permission", 3));
		// what users may write is never executed with privilege
		expect(walkArm(memory, paging, 0x3000n, EXEC | PRIV)).toEqual(fault("permission", 3));
		tables.map(0x3000n, 0x7000n, 3, ARM_PAGE | ARM_READ_ONLY | (1n << 54n));
		expect(walkArm(memory, paging, 0x3000n, EXEC)).toEqual(fault("permission", 3));
		expect(walkArm(memory, paging, 0x3000n, EXEC | PRIV).ok).toBe(true);
		tables.map(0x3000n, 0x7000n, 3, ARM_PAGE | ARM_READ_ONLY | (1n << 53n));
		expect(walkArm(memory, paging, 0x3000n, EXEC).ok).toBe(true);
		expect(walkArm(memory, paging, 0x3000n, EXEC | PRIV)).toEqual(fault("permission", 3));
		tables.map(0x4000n, 0x8000n);
		expect(walkArm(memory, paging, 0x4000n, EXEC).ok).toBe(true);
		expect(walkArm(memory, { ...paging, writeImpliesNoExecute: true }, 0x4000n, EXEC).ok).toBe(false);
		expect(walkArm(memory, { ...paging, privilegedAccessNever: true }, 0x4000n, READ | PRIV).ok).toBe(false);
		const table = memory.read64(TTB) as bigint;
		memory.write64(TTB, table | (1n << 62n));
		expect(walkArm(memory, paging, 0x4000n, WRITE)).toEqual(fault("permission", 3));
		expect(walkArm(memory, { ...paging, flatPermissions: true }, 0x4000n, WRITE).ok).toBe(true);
		memory.write64(TTB, table | (1n << 61n));
		expect(walkArm(memory, paging, 0x4000n, READ)).toEqual(fault("permission", 3));
	});

	test("dirty state: with HD, the first write makes a clean page writable", () => {
		const { memory, tables, paging } = build();
		const leaf = tables.map(0x1000n, 0x5000n, 3, ARM_PAGE | ARM_READ_ONLY | (1n << 51n));
		expect(walkArm(memory, paging, 0x1000n, WRITE).ok).toBe(false);
		const hd = { ...paging, setAccess: true, setDirty: true };
		expect(walkArm(memory, hd, 0x1000n, READ)).toMatchObject({ ok: true, clean: true });
		expect((memory.read64(leaf) as bigint) & ARM_READ_ONLY).toBe(ARM_READ_ONLY);
		const got = walkArm(memory, hd, 0x1000n, WRITE) as Translation;
		expect(got).toMatchObject({ ok: true, clean: false });
		expect((memory.read64(leaf) as bigint) & ARM_READ_ONLY).toBe(0n);
	});

	test("tables outside memory, and the address of the entry that cannot be read", () => {
		const { paging } = build();
		const small = new SparseMemory(TTB);
		expect(walkArm(small, paging, 0x4000_0000n, READ)).toEqual({ ok: false, fault: "table-fetch", level: 1, entry: TTB + 8n });
	});

	test("nG distinguishes global pages", () => {
		const { memory, tables, paging } = build();
		tables.map(0x1000n, 0x5000n, 3, ARM_PAGE | 0x800n);
		tables.map(0x2000n, 0x6000n);
		expect(walkArm(memory, paging, 0x1000n, READ)).toMatchObject({ global: false });
		expect(walkArm(memory, paging, 0x2000n, READ)).toMatchObject({ global: true });
	});
});

test("garbage and loops end in a result after at most one read per level", () => {
	fc.assert(
		fc.property(
			fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
			fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
			fc.constantFrom(0n, 1n, 3n, 0x743n),
			fc.constantFrom(0n, 2n, 0xffff_f000_0000_0000n),
			fc.constantFrom<12 | 14 | 16>(12, 14, 16),
			fc.integer({ min: 25, max: 48 }),
			fc.constantFrom(32, 40, 44, 48, 52),
			fc.integer({ min: 0, max: 15 }),
			(seed, va, always, never, granule, inputBits, outputBits, access) => {
				let reads = 0;
				const inner = garbage(seed, always, never, 1n << 47n);
				const read64 = (a: bigint) => {
					reads++;
					return inner.read64(a);
				};
				const memory = { ...inner, read64 };
				const ttb = seed & 0x7fff_ffff_fff0n;
				const got = walkArm(
					memory,
					{ granule, inputBits, outputBits, ttb, setAccess: true },
					va & ((1n << BigInt(inputBits)) - 1n),
					access,
				);
				expect(typeof got.ok).toBe("boolean");
				expect(reads).toBeLessThanOrEqual(4);
			},
		),
	);
});
