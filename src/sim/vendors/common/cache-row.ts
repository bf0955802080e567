/** Formats a cached line for texts about invalidations. */
import { hex } from "../../../formats/bits.js";
import { type CacheRow, NO_PASID } from "../../mmu/caches.js";

/** The first address and the number of pages; ` PASID n` and ` device 0xrrrr`, or "" if it has none. */
export function wordsOf(row: CacheRow): { first: string; pages: bigint; pasid: string; device: string } {
	return {
		first: hex(row.range?.first ?? 0n),
		pages: row.range ? (row.range.last - row.range.first + 1n) >> 12n : 0n,
		pasid: row.context === NO_PASID ? "" : ` PASID ${row.context}`,
		device: row.device === undefined ? "" : ` device ${hex(row.device, 4)}`,
	};
}
