/** DMA without a guest's table, the same for every vendor. */
import type { DmaOutcome } from "../../contract/driver.js";
import type { WalkObserver } from "../../mmu/observe.js";
import { translateStage2 } from "../../mmu/translate.js";
import { WRITE } from "../../mmu/walk.js";
import type { HwPagingDomain } from "./paging-domain.js";

/** Translates an access through the host's table alone; undefined if it is refused. One that is only drawn leaves no dirty page. */
export function throughHost(
	domain: HwPagingDomain,
	iova: bigint,
	access: number,
	observe?: WalkObserver,
): (DmaOutcome & { ok: true }) | undefined {
	const found = translateStage2(domain, iova, access, observe);
	if (observe === undefined && found !== undefined && (access & WRITE) !== 0) domain.wrote(iova);
	return found;
}
