/** Tests of the RISC-V table walker. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EXEC, PRIV, READ, type Translation, WRITE } from "../../../src/sim/mmu/walk.js";
import { type RiscvPaging, walkRiscv } from "../../../src/sim/mmu/walk-riscv.js";
import { garbage, SparseMemory } from "./helpers/memory.js";

const ROOT = 0x10_0000n;
const V = 1n;
const R = 2n;
const W = 4n;
const X = 8n;
const U = 16n;
const G = 32n;
const AD = 0xc0n;
const USER_PAGE = V | R | W | U | AD;

const plain = { root: ROOT, setsAccessed: false, supervisorUserAccess: false, memoryTypes: true, softwareBits: false };

/** Tables of a mode, filled page by page. */
class Tables {
	readonly memory = new SparseMemory();
	readonly paging: RiscvPaging;
	#next = ROOT + 0x1000n;

	constructor(levels: 3 | 4 | 5 = 3, more: Partial<RiscvPaging> = {}) {
		this.paging = { ...plain, levels, ...more };
	}

	/** Maps a page of a level; returns where its entry is. */
	map(va: bigint, pa: bigint, flags: bigint, level = 0, pointers = 0n): bigint {
		let table = ROOT;
		for (let at = this.paging.levels - 1; ; at--) {
			const entry = table + ((va >> BigInt(12 + 9 * at)) & 0x1ffn) * 8n;
			if (at === level) {
				this.memory.write64(entry, ((pa >> 12n) << 10n) | flags);
				return entry;
			}
			const there = this.memory.read64(entry) ?? 0n;
			if (there === 0n) {
				this.memory.write64(entry, ((this.#next >> 12n) << 10n) | V | pointers);
				table = this.#next;
				this.#next += 0x1000n;
			} else table = (there >> 10n) << 12n;
		}
	}

	walk(va: bigint, access: number) {
		return walkRiscv(this.memory, this.paging, va, access);
	}

	fault(va: bigint, access: number) {
		const got = this.walk(va, access);
		return got.ok ? "ok" : `${got.fault} ${got.level}`;
	}
}

describe("translations", () => {
	test.each([3, 4, 5] as const)("%i levels: pages of every size, in both halves", (levels) => {
		const page = fc.record({
			level: fc.nat(levels - 2),
			slot: fc.bigInt({ min: 0n, max: 255n }),
			frame: fc.bigInt({ min: 0n, max: 1023n }),
		});
		fc.assert(
			fc.property(fc.array(page, { maxLength: 12 }), fc.bigInt({ min: 0n, max: (1n << 39n) - 1n }), (pages, offset) => {
				const tables = new Tables(levels);
				const model = new Map<bigint, { pa: bigint; size: bigint }>();
				for (const { level, slot, frame } of pages) {
					const size = 1n << BigInt(12 + 9 * level);
					// each size has slots of the root's entries of its own, in the lower and the upper half
					const root = BigInt(level + 1) + (slot % 2n === 0n ? 0n : 256n);
					const top = BigInt(12 + 9 * (levels - 1));
					const va = BigInt.asUintN(64, BigInt.asIntN(12 + 9 * levels, (root << top) | ((slot * size) % (1n << top))));
					const pa = (frame * size) % (1n << 56n);
					tables.map(va, pa, USER_PAGE, level);
					model.set(va, { pa, size });
				}
				for (const [va, { pa, size }] of model) {
					const inside = offset & (size - 1n);
					expect(tables.walk(va + inside, READ)).toMatchObject({ ok: true, pa: pa + inside, size });
				}
			}),
			{ numRuns: 40 },
		);
	});

	test("64 KiB by N (Svnapot)", () => {
		const tables = new Tables();
		for (let i = 0n; i < 16n; i++) tables.map(0x4_0000n + i * 0x1000n, 0x8_8000n, USER_PAGE | (1n << 63n));
		expect(tables.walk(0x4_5123n, READ)).toMatchObject({ ok: true, pa: 0x8_5123n, size: 0x1_0000n });
		tables.map(0x5_0000n, 0x9_4000n, USER_PAGE | (1n << 63n));
		expect(tables.fault(0x5_0000n, READ)).toBe("reserved 0");
	});

	test("G of a pointer or of the page makes a translation global", () => {
		const tables = new Tables();
		tables.map(0x1000n, 0x5000n, USER_PAGE, 0, G);
		expect((tables.walk(0x1000n, READ) as Translation).global).toBe(true);
		const other = new Tables();
		other.map(0x1000n, 0x5000n, USER_PAGE | G);
		other.map(0x2000n, 0x5000n, USER_PAGE);
		expect([0x1000n, 0x2000n].map((va) => (other.walk(va, READ) as Translation).global)).toEqual([true, false]);
	});
});

describe("faults", () => {
	test("an address whose upper bits are no copies of its top bit", () => {
		const tables = new Tables();
		tables.map(0n, 0x5000n, USER_PAGE);
		expect(tables.fault(1n << 39n, READ)).toBe("non-canonical 2");
		expect(tables.fault(1n << 38n, READ)).toBe("non-canonical 2");
		expect(tables.fault(0xffff_ffc0_0000_0000n, READ)).toBe("not-present 2");
	});

	test.each([
		["V is 0", R | W | U | AD, "not-present 0"],
		["W without R", V | W | U | AD, "reserved 0"],
		["a pointer at the last level", V, "not-present 0"],
		["a pointer with A", V | 0x40n, "reserved 0"],
		["bit 54", USER_PAGE | (1n << 54n), "reserved 0"],
		["bits of software without Svrsw60t59b", USER_PAGE | (1n << 59n), "reserved 0"],
		["memory type 3", USER_PAGE | (3n << 61n), "reserved 0"],
		["A is 0", V | R | W | U, "access-flag 0"],
	])("%s", (_what, flags, expected) => {
		const tables = new Tables();
		tables.map(0x1000n, 0x5000n, flags);
		expect(tables.fault(0x1000n, READ)).toBe(expected);
	});

	test("memory types need Svpbmt, and software may have Svrsw60t59b's bits", () => {
		const typed = USER_PAGE | (1n << 61n);
		const with_ = new Tables(3, { softwareBits: true });
		with_.map(0x1000n, 0x5000n, typed | (3n << 59n));
		expect(with_.fault(0x1000n, READ)).toBe("ok");
		const without = new Tables(3, { memoryTypes: false });
		without.map(0x1000n, 0x5000n, typed);
		expect(without.fault(0x1000n, READ)).toBe("reserved 0");
	});

	test("a large page that is not aligned, a table outside memory", () => {
		const tables = new Tables();
		tables.map(0x20_0000n, 0x1000n, USER_PAGE, 1);
		expect(tables.fault(0x20_0000n, READ)).toBe("reserved 1");
		const entry = tables.map(0x4000_0000n, 0n, V, 1);
		tables.memory.write64(entry, ((1n << 41n) >> 2n) | V);
		expect(tables.fault(0x4000_0000n, READ)).toBe("table-fetch 0");
	});

	test("R, W and X each allow their own access", () => {
		const tables = new Tables();
		tables.map(0x1000n, 0x5000n, V | R | U | AD);
		tables.map(0x2000n, 0x5000n, V | X | U | AD);
		expect([READ, WRITE, READ | EXEC].map((access) => tables.fault(0x1000n, access))).toEqual(["ok", "permission 0", "permission 0"]);
		expect([READ, WRITE, READ | EXEC].map((access) => tables.fault(0x2000n, access))).toEqual(["permission 0", "permission 0", "ok"]);
	});

	test("users need U; supervisors must not use U pages without SUM, and never execute them", () => {
		for (const supervisorUserAccess of [false, true]) {
			const tables = new Tables(3, { supervisorUserAccess });
			tables.map(0x1000n, 0x5000n, V | R | X | U | AD);
			tables.map(0x2000n, 0x5000n, V | R | X | AD);
			expect(tables.fault(0x1000n, READ | PRIV)).toBe(supervisorUserAccess ? "ok" : "privilege 0");
			expect(tables.fault(0x1000n, READ | EXEC | PRIV)).toBe("privilege 0");
			expect(tables.fault(0x2000n, READ)).toBe("privilege 0");
			expect(tables.fault(0x2000n, READ | EXEC | PRIV)).toBe("ok");
		}
	});
});

describe("A and D", () => {
	test("are set by hardware with SADE: A at once, D with the first write", () => {
		const tables = new Tables(3, { setsAccessed: true });
		const at = tables.map(0x1000n, 0x5000n, V | R | W | U);
		expect(tables.walk(0x1000n, READ)).toMatchObject({ ok: true, clean: true });
		expect((tables.memory.read64(at) ?? 0n) & AD).toBe(0x40n);
		expect(tables.walk(0x1000n, WRITE)).toMatchObject({ ok: true, clean: false });
		expect((tables.memory.read64(at) ?? 0n) & AD).toBe(AD);
	});

	test("without it a write to a page without D faults, and nothing is written", () => {
		const tables = new Tables();
		const at = tables.map(0x1000n, 0x5000n, V | R | W | U | 0x40n);
		expect([READ, WRITE].map((access) => tables.fault(0x1000n, access))).toEqual(["ok", "access-flag 0"]);
		expect((tables.memory.read64(at) ?? 0n) & AD).toBe(0x40n);
	});
});

test("garbage gives a translation inside 56 bits or a fault", () => {
	fc.assert(
		fc.property(
			fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
			fc.constantFrom(0n, 1n, 0xdfn),
			fc.constantFrom(3 as const, 4 as const, 5 as const),
			fc.nat(15),
			(seed, always, levels, access) => {
				const got = walkRiscv(garbage(seed, always, 0x7fn << 54n, 1n << 50n), { ...plain, levels, setsAccessed: true }, seed, access);
				if (got.ok) expect(got.pa >> 56n).toBe(0n);
				else expect(got.level).toBeLessThan(5);
			},
		),
	);
});
