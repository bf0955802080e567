/** The interface of a driver's translator for a guest's whole PASID table. */
import type { DmaOutcome } from "../../contract/driver.js";
import type { IommuCaches } from "../../mmu/caches.js";
import type { HwDevice } from "./device.js";
import type { DrawnWalk } from "./draw-walk.js";
import type { HwPagingDomain } from "./paging-domain.js";

/** Translates through the table as the vendor's hardware does. It has its own caches, as the guest chooses the domain IDs. */
export interface TableTranslator {
	readonly caches: IommuCaches;
	/** how many PASIDs the hardware looks up in it: `size`, or more where an entry is for several; absent: `size` */
	readonly pasids?: number;
	/** Draws the same, by the tables as they are now. Changes nothing. */
	walk?(device: HwDevice, stage2: HwPagingDomain, iova: bigint, access: number, pasid: number | undefined): DrawnWalk;
	translate(device: HwDevice, stage2: HwPagingDomain, iova: bigint, access: number, pasid: number | undefined): DmaOutcome;
}
