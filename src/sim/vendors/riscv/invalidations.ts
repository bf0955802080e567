/** Maps RISC-V commands to cache invalidations, and cached lines to the commands that would drop them. */
import { type RiscvCommand, riscvRange } from "../../../formats/riscv/index.js";
import { type CacheRow, type Invalidation, NO_PASID } from "../../mmu/caches.js";
import { wordsOf } from "../common/cache-row.js";

/** What a command drops of the host's tag `domain` for a guest; `pscid` stands in for the guest's own where the host chose it. */
export function riscvInvalidations(command: RiscvCommand, domain?: number, pscid?: number): Invalidation[] {
	const { name: type, fields } = command;
	if (type === undefined) return [];
	const n = (field: string) => Number(fields[field] ?? 0n);
	switch (type) {
		case "IOTINVAL_VMA": {
			const context = n("pscv") ? (pscid ?? n("pscid")) : undefined;
			const it = { domain, context, keepGlobals: n("pscv") === 1 };
			// with an address only leaves are dropped
			return [
				{ type, cache: "iotlb", ...it, range: riscvRange(command) },
				...(n("av") ? [] : [{ type: `${type}/paging`, cache: "paging" as const, ...it }]),
			];
		}
		case "IOTINVAL_GVMA":
			// what is cached is of both stages, and not tagged by guest-physical addresses
			return [
				{ type, cache: "iotlb", domain },
				{ type: `${type}/paging`, cache: "paging", domain },
			];
		case "IODIR_INVAL_DDT":
			return [{ type, cache: "pasid", device: n("dv") ? n("did") : undefined }];
		case "IODIR_INVAL_PDT":
			return [{ type, cache: "pasid", device: n("did"), context: n("pid") }];
		case "ATS_INVAL": {
			const context = n("g") ? undefined : n("pv") ? n("pid") : NO_PASID;
			return [{ type, cache: "atc", device: n("rid"), context, range: riscvRange(command) }];
		}
		default:
			return [];
	}
}

/** The narrowest commands that would drop a cached line, as text. */
export function riscvHitBy(row: CacheRow): string[] {
	const { first, device } = wordsOf(row);
	const { context } = row;
	if (row.cache === "pasid") return [`IODIR_INVAL_PDT${device} process ${context}`, `IODIR_INVAL_DDT${device}`];
	if (row.cache === "atc") return [`ATS_INVAL${device}${context === NO_PASID ? "" : ` process ${context}`} address ${first}`];
	const pscid = row.global ? "" : ` PSCID ${context}`;
	return [`IOTINVAL_VMA${pscid}${row.cache === "paging" ? "" : ` address ${first}`}`, "IOTINVAL_GVMA"];
}
