/** DMA without a guest's table, the same for every vendor. */
import type { DmaOutcome } from "../../contract/driver.js";
import { translateStage2 } from "../../mmu/translate.js";
import { WRITE } from "../../mmu/walk.js";
import type { HwPagingDomain } from "./paging-domain.js";

/** Translates an access through the host's table alone; undefined if it is refused. */
export function throughHost(domain: HwPagingDomain, iova: bigint, access: number): (DmaOutcome & { ok: true }) | undefined {
	const found = translateStage2(domain, iova, access);
	if (found !== undefined && (access & WRITE) !== 0) domain.wrote(iova);
	return found;
}
