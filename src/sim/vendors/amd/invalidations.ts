/** Maps AMD commands to cache invalidations, and cached lines to the commands that would drop them. */
import { type AmdCommand, amdRange } from "../../../formats/amd/commands.js";
import { type CacheRow, type Invalidation, NO_PASID } from "../../mmu/caches.js";
import { wordsOf } from "../common/cache-row.js";

/** The cache invalidations of an AMD command. */
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

/** The narrowest commands that would drop a cached line, as text. */
export function amdHitBy(row: CacheRow): string[] {
	const { first, pasid, device } = wordsOf(row);
	if (row.cache === "pasid") return [`INVALIDATE_DEVTAB_ENTRY${device}`];
	if (row.cache === "atc") return [`INVALIDATE_IOTLB_PAGES${device}${pasid} address ${first}`];
	return [
		`INVALIDATE_IOMMU_PAGES domain ${row.domain}${pasid} address ${first}${row.cache === "paging" ? " PDE 1" : ""}`,
		"INVALIDATE_IOMMU_ALL",
	];
}
