/** VT-d page tables for IOASes, and attach checks shared with nested ones. */
import { iommufd_hwpt_alloc_flags as FLAG } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import type { Domain } from "../../contract/domain.js";
import type { IommuInstance } from "../../contract/driver.js";
import type { Area } from "../../iova/area.js";
import type { Interval } from "../../iova/interval-set.js";
import type { HwDevice } from "../common/device.js";
import { DirtyPages, HwPagingDomain } from "../common/paging-domain.js";
import { vtdFaultChecks, vtdMapChecks } from "./checks.js";
import type { VtdDriver } from "./driver.js";
import type { VtdFeatures } from "./features.js";
import type { VtdNestedDomain } from "./nested-domain.js";

/** A kernel-managed VT-d table of either stage, filled from an IOAS. */
export class VtdPagingDomain extends HwPagingDomain {
	readonly aperture: Interval;
	readonly pageSizes: bigint;
	readonly nestParent: boolean;
	override readonly secondStage: boolean;
	/** guests' tables on top of it */
	readonly children = new Set<VtdNestedDomain>();
	protected override readonly alwaysReadable: boolean;

	constructor(
		iommu: IommuInstance,
		features: VtdFeatures,
		readonly stage: "first" | "second",
		flags: number,
	) {
		super(iommu);
		const first = stage === "first";
		this.aperture = { start: 0n, last: (1n << BigInt(first ? features.firstStageWidth : features.secondStageWidth)) - 1n };
		this.pageSizes = first ? features.firstStagePages : features.secondStagePages;
		this.alwaysReadable = first;
		this.secondStage = !first;
		this.nestParent = (flags & FLAG.IOMMU_HWPT_ALLOC_NEST_PARENT) !== 0;
		this.enforcesCoherency = features.snoopControl;
		if (flags & FLAG.IOMMU_HWPT_ALLOC_DIRTY_TRACKING) this.dirty = new DirtyPages(iommu.driver.reasons);
	}

	override attach(device: HwDevice<VtdDriver>, pasid: number): Ret {
		if (pasid !== 0 && !needsPasidEntry(device)) return 0;
		const rc = enableFaults(this, device);
		if (rc === 0) device.iommu.driver.forget(device, pasid);
		return rc;
	}

	/** Erratum 772415: hardware may write through read-only entries of a nesting parent. */
	override canMap(area: Area): Ret {
		if (!this.nestParent || area.writable) return 0;
		return this.iommu.driver.reasons.fail(vtdMapChecks.vtdReadOnly, area.start);
	}

	override unmapped(area: Area): void {
		super.unmapped(area);
		for (const child of this.children) child.flush();
	}
}

/** Whether a device's PASID needs a PASID table entry: a device without the capability never sends one. */
export function needsPasidEntry(device: IommuDevice): boolean {
	return device.maxPasidLog2 > 0;
}

/** Checks that a device can use a table with a fault queue: -ENODEV without PRI. */
export function enableFaults(domain: Domain, device: HwDevice): Ret {
	if (domain.faultHandler === undefined || device.requestInterface.pci.pri > 0) return 0;
	return device.iommu.driver.reasons.fail(vtdFaultChecks.vtdNoPri, device.name);
}
