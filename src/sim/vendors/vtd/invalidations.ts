/** Maps VT-d invalidations to cache invalidations, and cached lines to those that would drop them. */

import { WHOLE } from "../../../formats/ranges.js";
import { type VtdDescriptor, vtdRange } from "../../../formats/vtd/descriptors.js";
import { type CacheRow, type Invalidation, NO_PASID } from "../../mmu/caches.js";
import { wordsOf } from "../common/cache-row.js";

/** An entry of VT-d's stage 1 invalidation array (struct iommu_hwpt_vtd_s1_invalidate). */
export interface VtdS1Entry {
	readonly addr: bigint;
	/** 2^64-1: everything */
	readonly npages: bigint;
	/** LEAF: the paging-structure caches need no invalidation */
	readonly leaf: boolean;
}

/**
 * The invalidations of a stage 1 entry: IOTLB and paging-structure cache of the domain (and PASID, where the
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
	// no pages: nothing to do, but the request is counted
	const type = all ? "vtd-s1-all" : "vtd-s1-pages";
	const list: Invalidation[] = [{ type, cache: "iotlb", domain, range }];
	if (!entry.leaf) list.push({ type: `${type}/paging`, cache: "paging", domain, range });
	for (const { device, context } of contexts) list.push({ type: `${type}/atc`, cache: "atc", device, context, range });
	return list;
}

/** The cache invalidations of a descriptor of VT-d's queue. */
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

/** The narrowest invalidations that would drop a cached line, as text. */
export function vtdHitBy(row: CacheRow): string[] {
	const { first, pages, pasid, device } = wordsOf(row);
	if (row.cache === "pasid") return [`PASID_CACHE domain ${row.domain}${pasid}`];
	if (row.cache === "atc") return [`${pasid ? "PASID_DEVICE_TLB" : "DEVICE_TLB"}${device}${pasid} address ${first}`];
	return [
		`stage 1 entry addr ${first} npages ${pages}${row.cache === "paging" ? " without LEAF" : ""}`,
		"stage 1 entry addr 0 npages all",
		`PASID_IOTLB domain ${row.domain}${pasid} address ${first}`,
	];
}
