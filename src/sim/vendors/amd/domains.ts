/** The AMD driver's page tables for IOASes. */
import { iommufd_hwpt_alloc_flags as FLAG } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuInstance } from "../../contract/driver.js";
import type { Area } from "../../iova/area.js";
import { IOVA_MAX } from "../../iova/interval-set.js";
import type { HwDevice } from "../common/device.js";
import type { GuestContextDomain } from "../common/guest-context-domain.js";
import { DirtyPages, HwPagingDomain } from "../common/paging-domain.js";
import { amdMapChecks } from "./checks.js";
import type { AmdDriver } from "./driver.js";

/** A kernel-managed AMD host table: six levels, all 64 bits of IOVA. */
export class AmdPagingDomain extends HwPagingDomain {
	readonly aperture = { start: 0n, last: IOVA_MAX };
	/** every power of two from a page to 256 GiB, as entries of a level can be combined */
	readonly pageSizes = (1n << 39n) - 0x1000n;
	readonly nestParent: boolean;
	/** a table for PASIDs has the format of guests' tables */
	override readonly secondStage: boolean;
	/** guests' device table entries on top of it */
	readonly children = new Set<GuestContextDomain>();

	constructor(iommu: IommuInstance, flags: number) {
		super(iommu);
		this.nestParent = (flags & FLAG.IOMMU_HWPT_ALLOC_NEST_PARENT) !== 0;
		this.secondStage = (flags & FLAG.IOMMU_HWPT_ALLOC_PASID) === 0;
		this.enforcesCoherency = true;
		if (flags & FLAG.IOMMU_HWPT_ALLOC_DIRTY_TRACKING) this.dirty = new DirtyPages(iommu.driver.reasons);
	}

	/** The driver can map the last page of the address space, but not a longer range that ends with it. */
	override canMap(area: Area): Ret {
		if (area.last !== IOVA_MAX || area.length <= this.smallestPage) return 0;
		return this.iommu.driver.reasons.fail(amdMapChecks.amdLastPage, area.start, area.last);
	}

	override attach(device: HwDevice<AmdDriver>): Ret {
		device.iommu.driver.forget(device);
		return 0;
	}

	override unmapped(area: Area): void {
		super.unmapped(area);
		for (const child of this.children) child.flush();
	}
}
