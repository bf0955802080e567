/** Tests of commands, descriptors and events: encoding, decoding, and the addresses that they cover. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AMD_COMMANDS, type AmdCommandName, amdRange, decodeAmdCommand, encodeAmdCommand } from "../../src/formats/amd/commands.js";
import { sizedRange, WHOLE } from "../../src/formats/ranges.js";
import { decodeSmmuCommand, encodeSmmuCommand, SMMU_COMMANDS, type SmmuCommandName, smmuRange } from "../../src/formats/smmuv3/commands.js";
import { decodeSmmuEvent, encodeSmmuEvent, SMMU_EVENTS, type SmmuEventName, withStreamId } from "../../src/formats/smmuv3/events.js";
import {
	decodeVtdDescriptor,
	encodeVtdDescriptor,
	VTD_DESCRIPTORS,
	type VtdDescriptorName,
	vtdRange,
} from "../../src/formats/vtd/descriptors.js";
import { NO_PASID } from "../../src/sim/mmu/caches.js";
import { amdInvalidations } from "../../src/sim/vendors/amd/invalidations.js";
import { smmuInvalidations } from "../../src/sim/vendors/smmuv3/invalidations.js";
import { vtdInvalidations, vtdS1Invalidation } from "../../src/sim/vendors/vtd/invalidations.js";
import { valuesOf } from "./layouts.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replace(/ /g, ""), "hex"));

describe("what is encoded decodes to itself, with nothing stray", () => {
	test.each(Object.keys(SMMU_COMMANDS) as SmmuCommandName[])("SMMUv3 %s", (name) => {
		fc.assert(
			fc.property(valuesOf(SMMU_COMMANDS[name].layout), (fields) => {
				const got = decodeSmmuCommand(encodeSmmuCommand(name, fields));
				expect(got).toEqual({ name, opcode: SMMU_COMMANDS[name].opcode, fields, stray: [0n, 0n] });
			}),
			{ numRuns: 20 },
		);
	});

	test.each(Object.keys(AMD_COMMANDS) as AmdCommandName[])("AMD %s", (name) => {
		fc.assert(
			fc.property(valuesOf(AMD_COMMANDS[name].layout), (fields) => {
				expect(decodeAmdCommand(encodeAmdCommand(name, fields))).toEqual({
					name,
					opcode: AMD_COMMANDS[name].opcode,
					fields,
					stray: [0n, 0n],
				});
			}),
			{ numRuns: 20 },
		);
	});

	test.each((Object.keys(VTD_DESCRIPTORS) as VtdDescriptorName[]).flatMap((n) => [[n, 16] as const, [n, 32] as const]))(
		"VT-d %s of %i bytes",
		(name, size) => {
			fc.assert(
				fc.property(valuesOf(VTD_DESCRIPTORS[name].layout), (fields) => {
					const raw = encodeVtdDescriptor(name, fields, size);
					expect(raw).toHaveLength(size);
					const got = decodeVtdDescriptor(raw);
					expect(got).toMatchObject({ name, type: VTD_DESCRIPTORS[name].type, fields });
					expect(got.stray.every((w) => w === 0n)).toBe(true);
				}),
				{ numRuns: 20 },
			);
		},
	);

	test.each(Object.keys(SMMU_EVENTS) as SmmuEventName[])("event %s", (name) => {
		const layout = decodeSmmuEvent(encodeSmmuEvent(name, {})).fields;
		expect(Object.keys(layout)).toContain("sid");
		const fields = { ...layout, sid: 0xffff_ffffn };
		expect(decodeSmmuEvent(encodeSmmuEvent(name, fields))).toEqual({ name, type: SMMU_EVENTS[name], fields });
	});

	test("garbage decodes without complaint", () => {
		fc.assert(
			fc.property(fc.uint8Array({ minLength: 0, maxLength: 40 }), (raw) => {
				for (const decode of [decodeSmmuCommand, decodeAmdCommand, decodeVtdDescriptor, decodeSmmuEvent])
					expect(decode(raw).fields).toBeDefined();
			}),
		);
	});
});

describe("known bytes", () => {
	test("SMMUv3 commands", () => {
		expect(hex(encodeSmmuCommand("TLBI_NH_ASID", { vmid: 0n, asid: 1n }))).toBe("11000000000001000000000000000000");
		expect(hex(encodeSmmuCommand("TLBI_NH_VA", { asid: 1n, address: 0x1000_0000n, leaf: 1n }))).toBe("12000000000001000100001000000000");
		expect(hex(encodeSmmuCommand("CFGI_CD", { sid: 0x10n, leaf: 1n }))).toBe("05000000100000000100000000000000");
		expect(hex(encodeSmmuCommand("ATC_INV", { sid: 0x10n, ssv: 1n, ssid: 3n, size: 52n }))).toBe("40380000100000003400000000000000");
	});

	test("SMMUv3 events, as QEMU's SMMU wrote them", () => {
		expect(hex(encodeSmmuEvent("F_PERMISSION", { sid: 0x80n, class: 2n, address: 0x1000_1120n }))).toBe(
			"1300000080000000000000000002000020110010000000000000000000000000",
		);
		const translation = bytes("1000000080000000000000008802000020410010000000002001000700000000");
		expect(decodeSmmuEvent(translation)).toMatchObject({
			name: "F_TRANSLATION",
			fields: { sid: 0x80n, rnw: 1n, s2: 1n, class: 2n, address: 0x1000_4120n, ipa: 0x700_0000n },
		});
		expect(hex(withStreamId(translation, 0x1_0000_0010n))).toBe("1000000010000000000000008802000020410010000000002001000700000000");
	});

	test("VT-d descriptors", () => {
		expect(hex(encodeVtdDescriptor("PASID_IOTLB", { granularity: 3n, did: 0x12n, pasid: 5n, address: 0x4000n, am: 2n, ih: 1n }))).toBe(
			"36001200050000004240000000000000",
		);
		expect(hex(encodeVtdDescriptor("DEVICE_TLB", { sid: 0x80n, s: 1n, address: 0x7fff_ffff_ffff_f000n, pfsid: 0x123n }))).toBe(
			"033000008000200101f0ffffffffff7f",
		);
	});

	test("AMD commands", () => {
		expect(
			hex(
				encodeAmdCommand("INVALIDATE_IOMMU_PAGES", {
					pasid: 5n,
					domain_id: 0x12n,
					gn: 1n,
					pde: 1n,
					s: 1n,
					address: 0x7fff_ffff_ffff_f000n,
				}),
			),
		).toBe("050000001200003007f0ffffffffff7f");
		expect(decodeAmdCommand(encodeAmdCommand("INVALIDATE_IOTLB_PAGES", { pasid: 0xa_bcden }))).toMatchObject({
			fields: { pasid: 0xa_bcden },
		});
	});
});

describe("what does not fit", () => {
	test("an unknown field, a value too wide, a misaligned address", () => {
		expect(() => encodeSmmuCommand("TLBI_NH_ALL", { asid: 1n })).toThrow(/no field "asid"; the fields are vmid/);
		expect(() => encodeSmmuCommand("TLBI_NH_ALL", { vmid: 0x1_0000n })).toThrow(/too wide/);
		expect(() => encodeSmmuCommand("TLBI_NH_VA", { address: 0x1001n })).toThrow(/not aligned to 4096/);
		expect(() => encodeSmmuCommand("TLBI_NH_ALL", { constructor: 1n } as never)).toThrow(/no field/);
	});

	test("reserved descriptors stop VT-d's queue", () => {
		expect(decodeVtdDescriptor(bytes("00".repeat(16))).invalid).toMatch(/type 0 is reserved/);
		expect(decodeVtdDescriptor(bytes("01020000 00000000 00000000 00000000")).invalid).toMatch(/type 17/);
		expect(decodeVtdDescriptor(bytes("06000000 00000000 00000000 00000000")).invalid).toMatch(/granularity 0/);
		expect(decodeVtdDescriptor(bytes("26000000 00000000 80000000 00000000")).invalid).toMatch(/reserved bits are set: 0x0 0x80/);
		expect(decodeVtdDescriptor(encodeVtdDescriptor("PASID_IOTLB", { granularity: 2n })).invalid).toBeUndefined();
		const upper = encodeVtdDescriptor("PASID_IOTLB", { granularity: 2n }, 32);
		upper[20] = 1;
		expect(decodeVtdDescriptor(upper).invalid).toMatch(/reserved bits/);
	});

	test("reserved bits of commands are reported", () => {
		expect(decodeSmmuCommand(bytes("10010000 00000000 00000000 00000080")).stray).toEqual([0x100n, 1n << 63n]);
		expect(decodeAmdCommand(bytes("00000100 00000080 00000000 00000000")).stray).toEqual([0x1_0000n, 0n]);
		expect(decodeSmmuCommand(bytes("99000000 00000000 00000000 00000000"))).toMatchObject({ opcode: 0x99 });
	});
});

describe("ranges", () => {
	test("an S bit: the lowest clear bit gives the size", () => {
		expect(sizedRange(0x5000n, false)).toEqual({ first: 0x5000n, last: 0x5fffn });
		expect(sizedRange(0x4000n, true)).toEqual({ first: 0x4000n, last: 0x5fffn });
		expect(sizedRange(0x5000n, true)).toEqual({ first: 0x4000n, last: 0x7fffn });
		expect(sizedRange(0x7fff_ffff_ffff_f000n, true)).toEqual(WHOLE);
		expect(sizedRange(0xffff_ffff_ffff_f000n, true)).toEqual(WHOLE);
	});

	test("SMMUv3: NUM, SCALE and TG, or one entry of any size", () => {
		const range = (fields: Record<string, bigint>) => smmuRange(decodeSmmuCommand(encodeSmmuCommand("TLBI_NH_VA", fields)));
		expect(range({ address: 0x8000n })).toEqual({ first: 0x8000n, last: 0x8000n });
		expect(range({ address: 0x8000n, tg: 1n, num: 3n })).toEqual({ first: 0x8000n, last: 0xbfffn });
		expect(range({ address: 0n, tg: 3n, num: 1n, scale: 2n })).toEqual({ first: 0n, last: 0x7_ffffn });
		expect(range({ address: 0xffff_ffff_ffff_f000n, tg: 1n, num: 31n, scale: 31n }).last).toBe(WHOLE.last);
		expect(smmuRange(decodeSmmuCommand(encodeSmmuCommand("ATC_INV", { size: 52n })))).toEqual(WHOLE);
		expect(smmuRange(decodeSmmuCommand(encodeSmmuCommand("ATC_INV", { size: 1n, address: 0x3000n })))).toEqual({
			first: 0x2000n,
			last: 0x3fffn,
		});
	});

	test("VT-d and AMD", () => {
		const psi = encodeVtdDescriptor("PASID_IOTLB", { granularity: 3n, address: 0x7000n, am: 1n });
		expect(vtdRange(decodeVtdDescriptor(psi))).toEqual({ first: 0x6000n, last: 0x7fffn });
		expect(vtdRange(decodeVtdDescriptor(encodeVtdDescriptor("PASID_IOTLB", { granularity: 2n })))).toEqual(WHOLE);
		expect(amdRange(decodeAmdCommand(encodeAmdCommand("INVALIDATE_IOMMU_PAGES", { address: 0x7000n })))).toEqual({
			first: 0x7000n,
			last: 0x7fffn,
		});
	});
});

describe("what commands do to the caches", () => {
	const smmu = (name: SmmuCommandName, fields: Record<string, bigint> = {}) =>
		smmuInvalidations(decodeSmmuCommand(encodeSmmuCommand(name, fields)), 9);

	test("SMMUv3: the VMID is the host's, LEAF spares the paging structures", () => {
		expect(smmu("TLBI_NH_ALL", { vmid: 77n }).map((i) => [i.cache, i.domain])).toEqual([
			["iotlb", 9],
			["paging", 9],
		]);
		expect(smmu("TLBI_NH_VA", { asid: 3n, leaf: 1n, address: 0x1000n })).toEqual([
			{ type: "TLBI_NH_VA", cache: "iotlb", domain: 9, context: 3, range: { first: 0x1000n, last: 0x1000n } },
		]);
		expect(smmu("TLBI_NH_VAA")[0].context).toBeUndefined();
		expect(smmu("TLBI_NH_ASID", { asid: 3n })[0]).toMatchObject({ context: 3, keepGlobals: true });
		expect(smmu("CFGI_CD", { sid: 8n, ssid: 2n })).toEqual([{ type: "CFGI_CD", cache: "pasid", device: 8, context: 2 }]);
		expect(smmu("CFGI_CD", { sid: 8n }).map((i) => i.context)).toEqual([0, NO_PASID]);
		expect(smmu("CFGI_CD_ALL", { sid: 8n })).toEqual([{ type: "CFGI_CD_ALL", cache: "pasid", device: 8 }]);
		expect(smmu("ATC_INV", { sid: 8n })[0]).toMatchObject({ cache: "atc", device: 8, context: NO_PASID });
		expect(smmu("ATC_INV", { sid: 8n, ssv: 1n, ssid: 4n })[0].context).toBe(4);
		expect(smmu("ATC_INV", { sid: 8n, ssv: 1n, ssid: 4n, global: 1n })[0].context).toBeUndefined();
		expect(smmu("SYNC")).toEqual([]);
	});

	test("VT-d stage 1 entries: pages, LEAF, everything, nothing", () => {
		const devices = [{ device: 0x80, context: NO_PASID }];
		const pages = vtdS1Invalidation({ addr: 0x4000n, npages: 2n, leaf: true }, 5, devices);
		expect(pages.map((i) => i.cache)).toEqual(["iotlb", "atc"]);
		expect(pages[0]).toMatchObject({ domain: 5, range: { first: 0x4000n, last: 0x5fffn } });
		const all = vtdS1Invalidation({ addr: 0n, npages: 0xffff_ffff_ffff_ffffn, leaf: false }, 5, devices);
		expect(all.map((i) => [i.cache, i.range])).toEqual([
			["iotlb", undefined],
			["paging", undefined],
			["atc", undefined],
		]);
		const none = vtdS1Invalidation({ addr: 0n, npages: 0n, leaf: true }, 5, []);
		expect(none[0].range).toEqual({ first: 0n, last: -1n });
	});

	test("VT-d descriptors and AMD commands", () => {
		const vtd = (name: VtdDescriptorName, fields: Record<string, bigint>) =>
			vtdInvalidations(decodeVtdDescriptor(encodeVtdDescriptor(name, fields)));
		expect(vtd("PASID_CACHE", { granularity: 1n, did: 3n, pasid: 4n })).toEqual([
			{ type: "PASID_CACHE", cache: "pasid", domain: 3, context: 4 },
		]);
		expect(vtd("PASID_IOTLB", { granularity: 2n, did: 3n, pasid: 4n }).map((i) => i.cache)).toEqual(["iotlb", "paging"]);
		expect(vtd("PASID_IOTLB", { granularity: 3n, did: 3n, ih: 1n }).map((i) => i.cache)).toEqual(["iotlb"]);
		expect(vtd("PASID_IOTLB", { granularity: 1n })).toEqual([]);
		expect(vtd("PASID_DEVICE_TLB", { sid: 0x80n, pasid: 4n })[0]).toMatchObject({ cache: "atc", device: 0x80, context: 4 });
		expect(vtd("WAIT", {})).toEqual([]);
		const amd = (name: AmdCommandName, fields: Record<string, bigint> = {}) =>
			amdInvalidations(decodeAmdCommand(encodeAmdCommand(name, fields)));
		expect(amd("INVALIDATE_IOMMU_PAGES", { domain_id: 2n, pasid: 3n, gn: 1n }).map((i) => [i.cache, i.context])).toEqual([["iotlb", 3]]);
		expect(amd("INVALIDATE_IOMMU_PAGES", { domain_id: 2n, pde: 1n }).map((i) => [i.cache, i.context])).toEqual([
			["iotlb", undefined],
			["paging", undefined],
		]);
		expect(amd("INVALIDATE_IOMMU_ALL").map((i) => i.cache)).toEqual(["iotlb", "paging", "pasid"]);
	});
});
