import type { AmdCommand } from "../../formats/amd/commands.js";
import { amdRange } from "../../formats/amd/commands.js";
import { hex } from "../../formats/bits.js";
import { WHOLE } from "../../formats/ranges.js";
import type { SmmuCommand } from "../../formats/smmuv3/commands.js";
import { smmuRange } from "../../formats/smmuv3/commands.js";
import type { VtdDescriptor } from "../../formats/vtd/descriptors.js";
import { vtdRange } from "../../formats/vtd/descriptors.js";
import { type CacheRow, type Invalidation, NO_PASID } from "../mmu/caches.js";

/** An entry of VT-d's stage 1 invalidation array (struct iommu_hwpt_vtd_s1_invalidate). */
export interface VtdS1Entry {
	readonly addr: bigint;
	/** 2^64-1: everything */
	readonly npages: bigint;
	/** LEAF: paging-structure caches may stay */
	readonly leaf: boolean;
}

/**
 * What a stage 1 entry does: IOTLB and paging-structure cache of the domain (and PASID, where the
 * table is attached to one), and the device TLBs of the attached devices.
 */
export function vtdS1Invalidation(
	entry: VtdS1Entry,
	domain: number,
	contexts: readonly { device: number; context: number }[],
): Invalidation[] {
	const all = entry.npages === 0xffff_ffff_ffff_ffffn;
	const last = entry.addr + (entry.npages << 12n) - 1n;
	const range = all ? undefined : { first: entry.addr, last: last > WHOLE.last ? WHOLE.last : last };
	// no pages, nothing to do; but it was asked for, and is counted
	const type = all ? "vtd-s1-all" : "vtd-s1-pages";
	const list: Invalidation[] = [{ type, cache: "iotlb", domain, range }];
	if (!entry.leaf) list.push({ type: `${type}/paging`, cache: "paging", domain, range });
	for (const { device, context } of contexts) list.push({ type: `${type}/atc`, cache: "atc", device, context, range });
	return list;
}

/** What an SMMUv3 command does to the caches; none for commands that invalidate nothing. */
export function smmuInvalidations(command: SmmuCommand, vmid: number): Invalidation[] {
	const type = command.name ?? hex(command.opcode);
	const { fields } = command;
	const n = (name: string) => Number(fields[name] ?? 0n);
	const both = (it: Omit<Invalidation, "type" | "cache">): Invalidation[] => [
		{ type, cache: "iotlb", ...it },
		...(fields.leaf === 1n ? [] : [{ type: `${type}/paging`, cache: "paging" as const, ...it }]),
	];
	switch (command.name) {
		case "TLBI_NSNH_ALL":
		case "TLBI_NH_ALL":
		case "TLBI_S12_VMALL":
			return both({ domain: vmid });
		case "TLBI_NH_ASID":
			return both({ domain: vmid, context: n("asid"), keepGlobals: true });
		case "TLBI_NH_VA":
			return both({ domain: vmid, context: n("asid"), range: smmuRange(command) });
		case "TLBI_NH_VAA":
			return both({ domain: vmid, range: smmuRange(command) });
		case "CFGI_CD":
			return [
				{ type, cache: "pasid", device: n("sid"), context: n("ssid") },
				// the CD of transactions without substream is number 0 as well
				...(n("ssid") === 0 ? [{ type: `${type}/none`, cache: "pasid" as const, device: n("sid"), context: NO_PASID }] : []),
			];
		case "CFGI_CD_ALL":
		case "CFGI_STE":
			return [{ type, cache: "pasid", device: n("sid") }];
		case "CFGI_STE_RANGE":
			return n("range") === 31 ? [{ type, cache: "pasid" }] : [];
		case "ATC_INV":
			return [
				{
					type,
					cache: "atc",
					device: n("sid"),
					// G: all substreams; no SSV: what was asked for without one
					context: n("global") ? undefined : n("ssv") ? n("ssid") : NO_PASID,
					range: smmuRange(command),
				},
			];
		default:
			return [];
	}
}

/** What a descriptor of VT-d's queue does to the caches. */
export function vtdInvalidations(descriptor: VtdDescriptor): Invalidation[] {
	if (descriptor.invalid || !descriptor.name) return [];
	const type = descriptor.name;
	const { fields } = descriptor;
	const n = (name: string) => Number(fields[name] ?? 0n);
	const range = vtdRange(descriptor);
	const domain = n("did");
	const pages = (it: Omit<Invalidation, "type" | "cache">): Invalidation[] => [
		{ type, cache: "iotlb", ...it },
		...(n("ih") ? [] : [{ type: `${type}/paging`, cache: "paging" as const, ...it }]),
	];
	switch (descriptor.name) {
		case "IOTLB":
			if (n("granularity") === 1) return pages({});
			return pages(n("granularity") === 2 ? { domain } : { domain, range });
		case "PASID_IOTLB":
			return n("granularity") === 3
				? pages({ domain, context: n("pasid"), range })
				: pages({ domain, context: n("pasid"), keepGlobals: true });
		case "PASID_CACHE":
			if (n("granularity") === 3) return [{ type, cache: "pasid" }];
			return [{ type, cache: "pasid", domain, context: n("granularity") === 1 ? n("pasid") : undefined }];
		case "CONTEXT_CACHE":
			return [{ type, cache: "pasid", device: n("granularity") === 3 ? n("sid") : undefined }];
		case "DEVICE_TLB":
			return [{ type, cache: "atc", device: n("sid"), context: NO_PASID, range }];
		case "PASID_DEVICE_TLB":
			return [{ type, cache: "atc", device: n("sid"), context: n("global") ? undefined : n("pasid"), range }];
		default:
			return [];
	}
}

/** What an AMD command does to the caches. */
export function amdInvalidations(command: AmdCommand): Invalidation[] {
	if (!command.name) return [];
	const type = command.name;
	const n = (name: string) => Number(command.fields[name] ?? 0n);
	const range = amdRange(command);
	switch (command.name) {
		case "INVALIDATE_IOMMU_PAGES": {
			const it = { domain: n("domain_id"), context: n("gn") ? n("pasid") : undefined, range };
			return [{ type, cache: "iotlb", ...it }, ...(n("pde") ? [{ type: `${type}/paging`, cache: "paging" as const, ...it }] : [])];
		}
		case "INVALIDATE_IOTLB_PAGES":
			return [{ type, cache: "atc", device: n("device_id"), context: n("gn") ? n("pasid") : NO_PASID, range }];
		case "INVALIDATE_DEVTAB_ENTRY":
			return [{ type, cache: "pasid", device: n("device_id") }];
		case "INVALIDATE_IOMMU_ALL":
			return (["iotlb", "paging", "pasid"] as const).map((cache) => ({ type: `${type}/${cache}`, cache }));
		default:
			return [];
	}
}

/** In words, the narrowest invalidations that would drop a line of `list()`, for each vendor. */
export function hitBy(kind: "vtd" | "smmuv3" | "amd", row: CacheRow): string[] {
	const first = hex(row.range?.first ?? 0n);
	const pages = row.range ? (row.range.last - row.range.first + 1n) >> 12n : 0n;
	const pasid = row.context === NO_PASID ? "" : ` PASID ${row.context}`;
	const device = row.device === undefined ? "" : ` device ${hex(row.device, 4)}`;
	if (kind === "smmuv3") {
		if (row.cache === "pasid") return [`CFGI_CD sid ${row.device} ssid ${row.context === NO_PASID ? 0 : row.context}`, "CFGI_CD_ALL"];
		if (row.cache === "atc") return [`ATC_INV sid ${row.device}${row.context === NO_PASID ? "" : ` ssid ${row.context}`} address ${first}`];
		const leaf = row.cache === "paging" ? " leaf 0" : "";
		const asid = row.global ? [] : [`TLBI_NH_ASID asid ${row.context}`];
		return [`TLBI_NH_VA asid ${row.context} address ${first}${leaf}`, `TLBI_NH_VAA address ${first}${leaf}`, ...asid, "TLBI_NH_ALL"];
	}
	if (kind === "vtd") {
		if (row.cache === "pasid") return [`PASID_CACHE domain ${row.domain}${pasid}`];
		if (row.cache === "atc") return [`${pasid ? "PASID_DEVICE_TLB" : "DEVICE_TLB"}${device}${pasid} address ${first}`];
		return [
			`stage 1 entry addr ${first} npages ${pages}${row.cache === "paging" ? " without LEAF" : ""}`,
			"stage 1 entry addr 0 npages all",
			`PASID_IOTLB domain ${row.domain}${pasid} address ${first}`,
		];
	}
	if (row.cache === "pasid") return [`INVALIDATE_DEVTAB_ENTRY${device}`];
	if (row.cache === "atc") return [`INVALIDATE_IOTLB_PAGES${device}${pasid} address ${first}`];
	return [
		`INVALIDATE_IOMMU_PAGES domain ${row.domain}${pasid} address ${first}${row.cache === "paging" ? " PDE 1" : ""}`,
		"INVALIDATE_IOMMU_ALL",
	];
}
