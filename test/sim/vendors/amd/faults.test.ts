/** The events that an AMD IOMMU logs for faults, by the specification (2.5). */
import { describe, expect, test } from "vitest";
import { AMD_EVENTS, amdEventName, decodeAmdEvent, encodeAmdEvent } from "../../../../src/formats/amd/events.js";
import { IommuCaches } from "../../../../src/sim/mmu/caches.js";
import type { Stage2 } from "../../../../src/sim/mmu/translate.js";
import { EXEC, PRIV, READ, WRITE } from "../../../../src/sim/mmu/walk.js";
import { decodeAmdDte } from "../../../../src/sim/vendors/amd/gcr3.js";
import { AmdTranslator } from "../../../../src/sim/vendors/amd/translate.js";
import { SparseMemory } from "../../mmu/helpers/memory.js";
import { X86Tables } from "../../mmu/helpers/tables.js";

const END = 1n << 24n;
const READ_ONLY = 1n << 23n;
const stage2: Stage2 = {
	find: (ipa) => (ipa >= END ? undefined : { pa: ipa, perm: ipa >= READ_ONLY ? READ : READ | WRITE, shift: 12 }),
};

function guest(checks = { noExecute: true, user: true }) {
	const memory = new SparseMemory();
	const tables = new X86Tables(memory, 4, 0x10_0000n);
	memory.write64(0x1000n + 5n * 8n, tables.root | 1n);
	memory.write64(0x1000n + 6n * 8n, END | 1n);
	const amd = new AmdTranslator(new IommuCaches<bigint>(), memory, checks);
	// V, GV, a guest CR3 table of one level at 0x1000
	const dte = decodeAmdDte([1n | (1n << 55n) | (1n << 58n), 7n, 0n, 0n]);
	const at = (va: bigint, access: number, pasid: number | undefined = 5) => {
		const got = amd.translate({ rid: 0x80, pasid, dte, domain: 3, stage2 }, va, access);
		return got.ok ? "ok" : got.event;
	};
	return { memory, tables, amd, dte, at };
}

const fault = (flags: number) => ({ code: AMD_EVENTS.IO_PAGE_FAULT, flags });

describe("IO_PAGE_FAULT", () => {
	test("GN with a PASID; US unless privileged; RW, and NX for execution, which is not the interrupt flag", () => {
		const { at } = guest();
		expect(at(0x7000n, READ)).toEqual(fault(0x5));
		expect(at(0x7000n, READ | PRIV)).toEqual(fault(0x1));
		expect(at(0x7000n, WRITE)).toEqual(fault(0x25));
		expect(at(0x7000n, READ | EXEC)).toEqual(fault(0x7));
	});

	test("PR and PE for what a page forbids, PR and RZ for reserved bits", () => {
		const { tables, at } = guest();
		tables.map(0x7000n, 0x5000n, 1, 5n);
		expect(at(0x7000n, WRITE)).toEqual(fault(0x75));
		// CR0.WP counts as set
		expect(at(0x7000n, WRITE | PRIV)).toEqual(fault(0x71));
		tables.map(0x20_0000n, 0x5000n, 1, 3n, 3n);
		expect(at(0x20_0000n, READ)).toEqual(fault(0x55));
		expect(at(0x20_0000n, READ | PRIV)).toBe("ok");
		tables.map(0x8000n, 0x5000n, 1, 7n | (1n << 63n));
		expect(at(0x8000n, READ | EXEC)).toEqual(fault(0x57));
		tables.map(1n << 39n, 0x4000_0000n, 3, 0x87n | (1n << 13n));
		expect(at(1n << 39n, READ)).toEqual(fault(0x95));
	});

	test("without USSup nobody is refused as a user, without NXSup nothing as not executable", () => {
		const { tables, at } = guest({ noExecute: false, user: false });
		tables.map(0x20_0000n, 0x5000n, 1, 3n | (1n << 63n), 3n);
		expect(at(0x20_0000n, READ)).toBe("ok");
		expect(at(0x20_0000n, READ | EXEC)).toBe("ok");
	});

	test("a guest's table, or guest CR3 table, that the host does not map is a page fault", () => {
		const { memory, tables, at } = guest();
		memory.write64(tables.root + 8n, END | 7n);
		expect(at(1n << 39n, READ)).toEqual(fault(0x5));
		expect(at(0x7000n, READ, 6)).toEqual(fault(0x5));
		tables.map(0x7000n, END, 1, 7n);
		tables.map(0x8000n, READ_ONLY, 1, 7n);
		expect(at(0x7000n, READ)).toEqual(fault(0x5));
		expect(at(0x8000n, WRITE)).toEqual(fault(0x75));
	});

	test("without a guest's table neither GN nor US", () => {
		const { amd } = guest();
		const host = (va: bigint, access: number) => amd.translate({ rid: 0x80, domain: 0, stage2 }, va, access);
		expect(host(END, READ)).toMatchObject({ event: fault(0) });
		expect(host(READ_ONLY, WRITE)).toMatchObject({ event: fault(0x70) });
	});
});

describe("event log entries", () => {
	test("every code of the specification has a name", () => {
		expect(Array.from({ length: 14 }, (_, i) => amdEventName(i + 1))).toEqual(Object.keys(AMD_EVENTS));
		expect(amdEventName(15)).toBeUndefined();
	});

	test("a page fault's words", () => {
		const words = encodeAmdEvent(2, {
			device_id: 0x80n,
			domain_or_pasid: 0xbcden,
			pasid_high: 0xan,
			gn: 1n,
			us: 1n,
			rw: 1n,
			address: 0x3000n,
		});
		expect(words).toEqual([0x2025_bcde_000a_0080n, 0x3000n]);
		expect(decodeAmdEvent(words)).toMatchObject({ name: "IO_PAGE_FAULT", fields: { device_id: 0x80n, gn: 1n, pr: 0n, rw: 1n } });
		expect(decodeAmdEvent([15n << 60n, 5n])).toMatchObject({ name: undefined, code: 15, fields: { address: 5n } });
	});
});
