/** Tests of translation through both stages and the caches, for each vendor. */
import { describe, expect, test } from "vitest";
import { decodeSmmuCommand, encodeSmmuCommand } from "../../../src/formats/smmuv3/commands.js";
import { IommuCaches } from "../../../src/sim/mmu/caches.js";
import type { Stage2 } from "../../../src/sim/mmu/translate.js";
import { EXEC, PRIV, READ, WRITE } from "../../../src/sim/mmu/walk.js";
import { decodeAmdDte } from "../../../src/sim/vendors/amd/gcr3.js";
import { AmdTranslator } from "../../../src/sim/vendors/amd/translate.js";
import { smmuInvalidations } from "../../../src/sim/vendors/smmuv3/invalidations.js";
import { decodeSmmuIdr, decodeSte } from "../../../src/sim/vendors/smmuv3/stream-table.js";
import { type CachedCd, SmmuTranslator } from "../../../src/sim/vendors/smmuv3/translate.js";
import { vtdS1Invalidation } from "../../../src/sim/vendors/vtd/invalidations.js";
import type { VtdPasidEntry } from "../../../src/sim/vendors/vtd/pasid-table.js";
import { VtdTranslator } from "../../../src/sim/vendors/vtd/translate.js";
import { SparseMemory } from "../mmu/helpers/memory.js";
import { ARM_PAGE, ARM_READ_ONLY, ArmTables, X86Tables } from "../mmu/helpers/tables.js";

/** The guest's memory is 16 MiB at host address 4 GiB. */
const HOST = 1n << 32n;
const GUEST_END = 1n << 24n;

function guest(readOnlyFrom = GUEST_END): { host: SparseMemory; physical: SparseMemory; stage2: Stage2 } {
	const host = new SparseMemory();
	// what the guest writes into its own memory lands in the host's
	const physical = new SparseMemory(GUEST_END);
	physical.write64 = (addr, value) => addr < GUEST_END && host.write64(HOST + addr, value);
	physical.read64 = (addr) => (addr < GUEST_END ? host.read64(HOST + addr) : undefined);
	const stage2: Stage2 = {
		find: (ipa) => {
			if (ipa >= GUEST_END) return undefined;
			return { pa: HOST + ipa, perm: ipa >= readOnlyFrom ? READ : READ | WRITE, shift: 12 };
		},
	};
	return { host, physical, stage2 };
}

describe("VT-d", () => {
	const P_RW_US = 7n;

	function nested(readOnlyFrom?: bigint) {
		const { host, physical, stage2 } = guest(readOnlyFrom);
		const tables = new X86Tables(physical, 4, 0x10_0000n);
		const caches = new IommuCaches<VtdPasidEntry>();
		const vtd = new VtdTranslator(caches, host);
		const request = { rid: 0x80, domain: 3, stage2, stage1: { levels: 4 as const, root: tables.root, accessedDirty: true } };
		return { tables, caches, vtd, request, physical, host };
	}

	test("an access goes through both stages; what is cached outlives the table until it is invalidated", () => {
		const { tables, caches, vtd, request, physical } = nested();
		const leaf = tables.map(0x7000n, 0x20_0000n, 1, P_RW_US);
		expect(vtd.translate(request, 0x7123n, READ)).toEqual({ ok: true, pa: HOST + 0x20_0123n, length: 0x1000n - 0x123n });
		physical.write64(leaf, 0x30_0000n | P_RW_US);
		expect(vtd.translate(request, 0x7123n, READ)).toMatchObject({ pa: HOST + 0x20_0123n });
		for (const it of vtdS1Invalidation({ addr: 0x8000n, npages: 1n, leaf: true }, 3, [])) caches.invalidate(it);
		expect(vtd.translate(request, 0x7123n, READ)).toMatchObject({ pa: HOST + 0x20_0123n });
		for (const it of vtdS1Invalidation({ addr: 0x7000n, npages: 1n, leaf: true }, 3, [])) caches.invalidate(it);
		expect(vtd.translate(request, 0x7123n, READ)).toMatchObject({ pa: HOST + 0x30_0123n });
	});

	test("LEAF leaves the paging structures: a table that moved is still read where it was", () => {
		const { tables, caches, vtd, request, physical } = nested();
		tables.map(0x7000n, 0x20_0000n, 1, P_RW_US);
		vtd.translate(request, 0x7000n, READ);
		physical.write64(tables.root, 0n);
		for (const it of vtdS1Invalidation({ addr: 0x7000n, npages: 1n, leaf: true }, 3, [])) caches.invalidate(it);
		expect(vtd.translate(request, 0x7000n, READ).ok).toBe(true);
		for (const it of vtdS1Invalidation({ addr: 0x7000n, npages: 1n, leaf: false }, 3, [])) caches.invalidate(it);
		expect(vtd.translate(request, 0x7000n, READ)).toMatchObject({ ok: false, reason: 0x71, stage2: false });
	});

	test("a write to a page that was only read so far marks it dirty, cached or not", () => {
		const { tables, vtd, request, physical } = nested();
		const leaf = tables.map(0x7000n, 0x20_0000n, 1, P_RW_US);
		vtd.translate(request, 0x7000n, READ);
		expect((physical.read64(leaf) as bigint) & 0x60n).toBe(0x20n);
		expect(vtd.translate(request, 0x7000n, WRITE).ok).toBe(true);
		expect((physical.read64(leaf) as bigint) & 0x60n).toBe(0x60n);
	});

	test("blames the guest's tables or the host's beneath", () => {
		const { tables, vtd, request, physical } = nested(0x20_0000n);
		tables.map(0x7000n, 0x20_0000n, 1, P_RW_US);
		tables.map(0x8000n, GUEST_END, 1, P_RW_US);
		const leaf = tables.map(0x9000n, 0x3000n, 1, 5n);
		expect(vtd.translate(request, 0x7000n, READ).ok).toBe(true);
		// SGN.6: the host maps the page, but not for writing
		expect(vtd.translate(request, 0x7000n, WRITE)).toMatchObject({ reason: 0x85, stage2: true });
		expect(vtd.translate(request, 0x8000n, READ)).toMatchObject({ reason: 0x79, stage2: true });
		expect(vtd.translate(request, 0x9000n, WRITE)).toMatchObject({ reason: 0x85, stage2: false });
		expect(vtd.translate(request, 0xa000n, READ)).toMatchObject({ reason: 0x71, stage2: false });
		physical.write64(leaf & ~0xfffn, GUEST_END | P_RW_US);
		expect(vtd.translate({ ...request, stage1: { ...request.stage1, root: GUEST_END } }, 1n << 40n, READ)).toMatchObject({
			reason: 0x75,
			stage2: true,
		});
	});

	test("supervisor requests need SRE; without stage 1 the host's tables alone translate", () => {
		const { vtd, request } = nested();
		expect(vtd.translate({ ...request, supervisor: false }, 0x7000n, READ | PRIV)).toMatchObject({ reason: 0x5d });
		const { stage1: _, ...host } = request;
		expect(vtd.translate(host, 0x7123n, WRITE)).toMatchObject({ ok: true, pa: HOST + 0x7123n });
		expect(vtd.translate(host, GUEST_END, WRITE)).toMatchObject({ reason: 0x79, stage2: true });
	});

	test("the guest's own PASID table: entries are fetched once, and kept until invalidated", () => {
		const { tables, caches, vtd, request, physical } = nested();
		tables.map(0x7000n, 0x20_0000n, 1, P_RW_US);
		physical.write64(0x1000n, 0x2001n);
		const entry = 0x2000n + 5n * 64n;
		physical.write64(entry, 1n | (1n << 6n));
		physical.write64(entry + 8n, 9n);
		physical.write64(entry + 16n, tables.root);
		const pasid = { rid: 0x80, domain: 3, stage2: request.stage2, pasidTable: { base: 0x1000n, entries: 128 }, pasid: 5 };
		expect(vtd.translate(pasid, 0x7000n, READ).ok).toBe(true);
		physical.write64(entry, 0n);
		expect(vtd.translate(pasid, 0x7000n, READ).ok).toBe(true);
		caches.invalidate({ type: "PASID_CACHE", cache: "pasid", domain: 9, context: 5 });
		expect(vtd.translate(pasid, 0x7000n, READ)).toMatchObject({ reason: 0x59 });
		expect(vtd.translate({ ...pasid, pasid: 6 }, 0x7000n, READ)).toMatchObject({ reason: 0x59 });
		expect(vtd.translate({ ...pasid, pasid: 5 }, 0x7000n, READ | EXEC)).toMatchObject({ reason: 0x59 });
	});

	test("a device with ATS keeps translations of its own, whatever the IOTLB forgets", () => {
		const { tables, caches, vtd, request, physical } = nested();
		const leaf = tables.map(0x7000n, 0x20_0000n, 1, P_RW_US);
		const ats = { ...request, ats: true };
		vtd.translate(ats, 0x7000n, WRITE);
		physical.write64(leaf, 0n);
		caches.invalidate({ type: "t", cache: "iotlb" });
		caches.invalidate({ type: "t", cache: "paging" });
		expect(vtd.translate(ats, 0x7000n, WRITE).ok).toBe(true);
		expect(vtd.translate(request, 0x7000n, WRITE)).toMatchObject({ ok: false, ats: false });
		caches.invalidate({ type: "t", cache: "atc", device: 0x80 });
		expect(vtd.translate(ats, 0x7000n, WRITE)).toMatchObject({ ok: false, reason: 0x71, ats: true });
	});
});

describe("AMD", () => {
	function nested() {
		const { host, physical, stage2 } = guest();
		const tables = new X86Tables(physical, 5, 0x10_0000n);
		tables.map(1n << 50n, 0x20_0000n, 1, 7n);
		physical.write64(0x1000n + 5n * 8n, tables.root | 1n);
		physical.write64(0x1000n, tables.root | 1n);
		const amd = new AmdTranslator(new IommuCaches<bigint>(), host);
		const dte = (flags: bigint) => decodeAmdDte([1n | (1n << 55n) | (1n << 58n) | flags, 7n, 1n << 54n, 0n]);
		return { amd, dte, physical, request: { rid: 0x80, domain: 3, stage2 } };
	}

	test("a PASID's tables are found through the guest CR3 table", () => {
		const { amd, dte, request } = nested();
		expect(amd.translate({ ...request, dte: dte(0n), pasid: 5 }, 1n << 50n, WRITE)).toMatchObject({ ok: true, pa: HOST + 0x20_0000n });
		expect(amd.translate({ ...request, dte: dte(0n), pasid: 6 }, 1n << 50n, WRITE)).toMatchObject({
			ok: false,
			event: { code: 2 },
			stage2: false,
		});
		expect(amd.translate({ ...request, dte: dte(0n), pasid: 600 }, 1n << 50n, WRITE).ok).toBe(false);
	});

	test("without PASID: the guest's tables with GIOV, else a guest-physical address", () => {
		const { amd, dte, request } = nested();
		expect(amd.translate({ ...request, dte: dte(1n << 54n) }, 1n << 50n, READ)).toMatchObject({ ok: true, pa: HOST + 0x20_0000n });
		expect(amd.translate({ ...request, dte: dte(0n) }, 0x5000n, READ)).toMatchObject({ ok: true, pa: HOST + 0x5000n });
		expect(amd.translate({ ...request, dte: dte(0n) }, 1n << 50n, READ)).toMatchObject({ ok: false, stage2: true });
		expect(amd.translate(request, 0x5000n, READ).ok).toBe(true);
	});
});

describe("SMMUv3", () => {
	const FULL = decodeSmmuIdr([0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x74]);
	const CD = 0x0001_6202_c000_3519n;

	function nested(cd = CD) {
		const { host, physical, stage2 } = guest();
		const tables = new ArmTables(physical, 12, 39, 0x10_0000n);
		physical.write64(0x1000n, cd);
		physical.write64(0x1008n, tables.ttb);
		const caches = new IommuCaches<CachedCd>();
		const smmu = new SmmuTranslator(FULL, caches, host);
		const stream = { sid: 0x80, vmid: 1, ste: decodeSte([0xbn | 0x1000n, 0n]), stage2 };
		return { tables, caches, smmu, stream, physical };
	}

	test("a changed context descriptor takes effect after CFGI_CD", () => {
		const { tables, caches, smmu, stream, physical } = nested();
		tables.map(0x7000n, 0x20_0000n);
		expect(smmu.translate(stream, 0x7000n, WRITE)).toMatchObject({ ok: true, pa: HOST + 0x20_0000n });
		physical.write64(0x1000n, 0n);
		expect(smmu.translate(stream, 0x7000n, WRITE).ok).toBe(true);
		for (const it of smmuInvalidations(decodeSmmuCommand(encodeSmmuCommand("CFGI_CD", { sid: 0x80n })), 1)) caches.invalidate(it);
		expect(smmu.translate(stream, 0x7000n, WRITE)).toMatchObject({ ok: false, event: { name: "C_BAD_CD" }, stall: false });
	});

	test("with CD.S a fault waits; a refused ATS request is not recorded", () => {
		const { tables, smmu, stream } = nested(CD | (1n << 44n));
		tables.map(0x7000n, 0x20_0000n, 3, ARM_PAGE | ARM_READ_ONLY);
		expect(smmu.translate(stream, 0x7000n, WRITE)).toMatchObject({
			ok: false,
			stall: true,
			event: { name: "F_PERMISSION", fields: { rnw: 0n, class: 2n } },
		});
		expect(smmu.translate({ ...stream, ats: true }, 0x8000n, WRITE)).toEqual({
			ok: false,
			unrecorded: "F_TRANSLATION",
			stall: false,
			ats: true,
		});
	});

	test("CD.R clear: the fault ends the transaction and nothing is recorded", () => {
		const { smmu, stream } = nested(CD & ~(1n << 45n));
		expect(smmu.translate(stream, 0x7000n, WRITE)).toEqual({ ok: false, event: undefined, stall: false, ats: false });
	});

	test("substreams have CDs, and ASIDs, of their own", () => {
		const { tables, smmu, stream, physical } = nested();
		tables.map(0x7000n, 0x20_0000n);
		const ste = decodeSte([0xbn | 0x1000n | (4n << 59n), 0n]);
		physical.write64(0x1000n + 3n * 64n, CD | (2n << 48n));
		physical.write64(0x1000n + 3n * 64n + 8n, tables.ttb);
		expect(smmu.translate({ ...stream, ste, ssid: 3 }, 0x7000n, READ).ok).toBe(true);
		expect(smmu.translate({ ...stream, ste, ssid: 99 }, 0x7000n, READ)).toMatchObject({
			event: { name: "C_BAD_SUBSTREAMID", fields: { ssv: 1n, ssid: 99n } },
		});
		expect(smmu.translate({ ...stream, ste }, 0x7000n, READ)).toMatchObject({ event: { name: "F_STREAM_DISABLED" } });
		expect(smmu.translate({ ...stream, ste: decodeSte([0x1bn | (20n << 59n), 0n]) }, 0n, READ)).toMatchObject({
			event: { name: "C_BAD_STE" },
		});
	});

	test("aborting streams record nothing", () => {
		const { smmu, stream } = nested();
		expect(smmu.translate({ ...stream, ste: decodeSte([1n, 0n]) }, 0x7000n, READ)).toEqual({
			ok: false,
			event: undefined,
			stall: false,
			ats: false,
		});
	});
});
