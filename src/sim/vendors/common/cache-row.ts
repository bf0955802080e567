/** A cached line in the words that invalidations are named in. */
import { hex } from "../../../formats/bits.js";
import { type CacheRow, NO_PASID } from "../../mmu/caches.js";

/** Its first address and its number of pages; ` PASID n` and ` device 0xrrrr` where it has them, else nothing. */
export function wordsOf(row: CacheRow): { first: string; pages: bigint; pasid: string; device: string } {
	return {
		first: hex(row.range?.first ?? 0n),
		pages: row.range ? (row.range.last - row.range.first + 1n) >> 12n : 0n,
		pasid: row.context === NO_PASID ? "" : ` PASID ${row.context}`,
		device: row.device === undefined ? "" : ` device ${hex(row.device, 4)}`,
	};
}
