/** What a driver makes of a guest's whole PASID table. */
import type { DmaOutcome } from "../../contract/driver.js";
import type { IommuCaches } from "../../mmu/caches.js";
import type { HwDevice } from "./device.js";
import type { HwPagingDomain } from "./paging-domain.js";

/** How one vendor's hardware reads it; with caches of its own, as the guest names domains itself. */
export interface TableTranslator {
	readonly caches: IommuCaches;
	translate(device: HwDevice, stage2: HwPagingDomain, iova: bigint, access: number, pasid: number | undefined): DmaOutcome;
}
