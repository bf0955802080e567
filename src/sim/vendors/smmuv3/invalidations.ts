/** Maps SMMUv3 commands to cache invalidations, and cached lines to the commands that would drop them. */
import { hex } from "../../../formats/bits.js";
import { type SmmuCommand, smmuRange } from "../../../formats/smmuv3/commands.js";
import { type CacheRow, type Invalidation, NO_PASID } from "../../mmu/caches.js";
import { wordsOf } from "../common/cache-row.js";

/** The cache invalidations of an SMMUv3 command; empty for commands that invalidate nothing. */
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
				// transactions without a substream use CD 0 as well
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
					// G: all substreams; without SSV: translations requested without one
					context: n("global") ? undefined : n("ssv") ? n("ssid") : NO_PASID,
					range: smmuRange(command),
				},
			];
		default:
			return [];
	}
}

/** The narrowest commands that would drop a cached line, as text. */
export function smmuHitBy(row: CacheRow): string[] {
	const { first } = wordsOf(row);
	if (row.cache === "pasid") return [`CFGI_CD sid ${row.device} ssid ${row.context === NO_PASID ? 0 : row.context}`, "CFGI_CD_ALL"];
	if (row.cache === "atc") return [`ATC_INV sid ${row.device}${row.context === NO_PASID ? "" : ` ssid ${row.context}`} address ${first}`];
	const leaf = row.cache === "paging" ? " leaf 0" : "";
	const asid = row.global ? [] : [`TLBI_NH_ASID asid ${row.context}`];
	return [`TLBI_NH_VA asid ${row.context} address ${first}${leaf}`, `TLBI_NH_VAA address ${first}${leaf}`, ...asid, "TLBI_NH_ALL"];
}
