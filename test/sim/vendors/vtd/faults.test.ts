/** VT-d's fault reasons, by the specification (7.1.3). */
import { describe, expect, test } from "vitest";
import { IommuCaches } from "../../../../src/sim/mmu/caches.js";
import type { Stage2 } from "../../../../src/sim/mmu/translate.js";
import { EXEC, PRIV, READ, WRITE } from "../../../../src/sim/mmu/walk.js";
import { legacyReason, secondStageReason } from "../../../../src/sim/vendors/vtd/fault-reasons.js";
import { lookupVtdPasid, type VtdPasidEntry } from "../../../../src/sim/vendors/vtd/pasid-table.js";
import { VtdTranslator } from "../../../../src/sim/vendors/vtd/translate.js";
import { SparseMemory } from "../../mmu/helpers/memory.js";
import { X86Tables } from "../../mmu/helpers/tables.js";

const RW_US = 7n;
/** the host maps 16 MiB at its own addresses; the second half read-only; 40 bits of guest-physical address */
const END = 1n << 24n;
const READ_ONLY = 1n << 23n;
const stage2: Stage2 = {
	find: (ipa) => (ipa >= END ? undefined : { pa: ipa, perm: ipa >= READ_ONLY ? READ : READ | WRITE, shift: 12 }),
};

function guest() {
	const memory = new SparseMemory();
	const tables = new X86Tables(memory, 4, 0x10_0000n);
	const limits = { addressBits: 52, guestBits: 40, page1G: true };
	const vtd = new VtdTranslator(new IommuCaches<VtdPasidEntry>(), memory, limits);
	const paging = { levels: 4 as const, root: tables.root, outputBits: 40, accessedDirty: true };
	const request = { rid: 0x80, domain: 3, stage2, stage1: paging };
	return {
		memory,
		tables,
		vtd,
		paging,
		request,
		at: (va: bigint, access: number, more = {}) => vtd.translate({ ...request, ...more }, va, access),
	};
}

describe("first stage on a second stage", () => {
	test("an address that the second stage cannot translate is SFS.5, in a page, a table and the root", () => {
		const { memory, tables, at, paging } = guest();
		tables.map(0x7000n, 1n << 40n, 1, RW_US);
		expect(at(0x7000n, READ)).toMatchObject({ reason: 0x74, stage2: false });
		tables.map(0x8000n, (1n << 40n) - 0x1000n, 1, RW_US);
		expect(at(0x8000n, READ)).toMatchObject({ reason: 0x79, stage2: true });
		memory.write64(tables.root + 8n, (1n << 45n) | RW_US);
		expect(at(1n << 39n, READ)).toMatchObject({ reason: 0x74 });
		expect(at(0x7000n, READ, { stage1: { ...paging, root: 1n << 41n } })).toMatchObject({ reason: 0x74 });
		expect(at(0x7000n, READ, { stage1: { ...paging, root: paging.root | (1n << 52n) } })).toMatchObject({ reason: 0x74 });
	});

	test("a reserved bit comes before an address that is too wide", () => {
		const { tables, at, paging } = guest();
		tables.map(0x7000n, (1n << 51n) | 0x5000n, 1, RW_US);
		expect(at(0x7000n, READ)).toMatchObject({ reason: 0x74 });
		expect(at(0x7000n, READ, { stage1: { ...paging, addressBits: 46 } })).toMatchObject({ reason: 0x72 });
	});

	test("the second stage has reasons of its own for data, and others for the guest's tables", () => {
		const { memory, tables, at } = guest();
		tables.map(0x7000n, READ_ONLY, 1, RW_US);
		tables.map(0x8000n, END, 1, RW_US);
		expect(at(0x7000n, READ).ok).toBe(true);
		expect(at(0x7000n, WRITE)).toMatchObject({ reason: 0x85, stage2: true });
		expect(at(0x8000n, WRITE)).toMatchObject({ reason: 0x79, stage2: true });
		// a table that the host does not map, and one in which nothing can be marked as accessed
		memory.write64(tables.root + 8n, END | RW_US);
		expect(at(1n << 39n, READ)).toMatchObject({ reason: 0x76, stage2: true });
		memory.write64(tables.root + 16n, READ_ONLY | RW_US);
		memory.write64(READ_ONLY, 0x5000n | RW_US);
		expect(at(2n << 39n, READ)).toMatchObject({ reason: 0x77, stage2: true });
	});
});

describe("privilege and execution", () => {
	const SUPERVISOR = 3n;
	const READ_ONLY_US = 5n;
	const XD = 1n << 63n;

	test("SRE and ERE refuse before any table is read", () => {
		const { at } = guest();
		expect(at(0x7000n, READ | PRIV, { supervisor: false })).toMatchObject({ reason: 0x5d });
		expect(at(0x7000n, READ | EXEC, { execute: false })).toMatchObject({ reason: 0x5c });
		expect(at(0x7000n, READ | PRIV | EXEC, { supervisor: true, execute: true })).toMatchObject({ reason: 0x71 });
	});

	test("U/S, WPE, NXE and SMEP", () => {
		const { tables, at, paging } = guest();
		tables.map(0x20_0000n, 0x1000n, 1, SUPERVISOR);
		tables.map(0x7000n, 0x2000n, 1, READ_ONLY_US);
		tables.map(0x8000n, 0x3000n, 1, RW_US | XD);
		expect(at(0x20_0000n, READ)).toMatchObject({ reason: 0x81 });
		expect(at(0x20_0000n, READ | PRIV).ok).toBe(true);
		expect(at(0x7000n, WRITE)).toMatchObject({ reason: 0x85 });
		expect(at(0x7000n, WRITE | PRIV).ok).toBe(true);
		expect(at(0x7000n, WRITE | PRIV, { domain: 4, stage1: { ...paging, writeProtect: true } })).toMatchObject({ reason: 0x85 });
		expect(at(0x8000n, READ | EXEC).ok).toBe(true);
		expect(at(0x8000n, READ | EXEC, { domain: 5, stage1: { ...paging, noExecute: true } })).toMatchObject({ reason: 0x82 });
		expect(at(0x7000n, READ | EXEC | PRIV, { domain: 6, stage1: { ...paging, smep: true } })).toMatchObject({ reason: 0x82 });
	});

	test("they hold for what is cached, too", () => {
		const { tables, at } = guest();
		tables.map(0x20_0000n, 0x1000n, 1, SUPERVISOR);
		expect(at(0x20_0000n, READ | PRIV).ok).toBe(true);
		expect(at(0x20_0000n, READ)).toMatchObject({ reason: 0x81 });
	});
});

describe("second stage alone", () => {
	test("scalable mode: SGN.5 beyond the width, SSS.2 where nothing is mapped, SGN.6 and SGN.7 for permissions", () => {
		const write = { pa: 0n, perm: WRITE, shift: 12 };
		const read = { pa: 0n, perm: READ, shift: 12 };
		expect(secondStageReason(undefined, 1n << 48n, READ, 48)).toBe(0x84);
		expect(secondStageReason(undefined, (1n << 48n) - 1n, READ, 48)).toBe(0x79);
		expect(secondStageReason({ ...read, perm: 0 }, 0n, READ, 48)).toBe(0x79);
		expect(secondStageReason(read, 0n, WRITE, 48)).toBe(0x85);
		expect(secondStageReason(write, 0n, READ, 48)).toBe(0x86);
	});

	test("legacy mode", () => {
		expect([legacyReason(1n << 39n, READ, 39), legacyReason(0n, WRITE, 39), legacyReason(0n, READ, 39)]).toEqual([4, 5, 6]);
	});
});

describe("the guest's PASID table", () => {
	const FIRST_STAGE = 1n | (1n << 6n);
	const entry = (words: Readonly<Record<number, bigint>>) => {
		const memory = new SparseMemory();
		memory.write64(0x1000n, 0x2001n);
		memory.write64(0x2000n + 5n * 64n, FIRST_STAGE);
		for (const [i, word] of Object.entries(words)) memory.write64(0x2000n + 5n * 64n + BigInt(i) * 8n, word);
		return lookupVtdPasid(memory, { base: 0x1000n, entries: 1 }, 5);
	};

	test("a reserved bit in any of an entry's eight words is SPT.3", () => {
		expect(entry({})).toMatchObject({ ok: true });
		for (const word of [3, 4, 5, 6, 7]) expect(entry({ [word]: 1n << 63n }), `word ${word}`).toMatchObject({ ok: false, reason: 0x5a });
		expect(entry({ 0: FIRST_STAGE | (1n << 10n) })).toMatchObject({ reason: 0x5a });
		expect(entry({ 1: 1n << 16n })).toMatchObject({ reason: 0x5a });
		expect(entry({ 2: 1n << 8n })).toMatchObject({ reason: 0x5a });
	});

	test("an entry that is not present may have any bits; FPD silences the fault", () => {
		expect(entry({ 0: 0n, 7: 1n })).toMatchObject({ reason: 0x59, faultsDisabled: false });
		expect(entry({ 0: FIRST_STAGE | 2n, 7: 1n })).toMatchObject({ reason: 0x5a, faultsDisabled: true });
	});
});
