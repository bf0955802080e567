/** The mock IOMMU's page tables: kernel-managed and nested. */
import { defines, iommu_hwpt_invalidate_selftest as ENTRY, mock_nested_domain_iotlb } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { NestedDomain, PagingDomain } from "../../contract/domain.js";
import type { IommuInstance } from "../../contract/driver.js";
import type { InvalidateArray, InvalidateResult } from "../../contract/invalidation.js";
import type { Area } from "../../iova/area.js";
import type { Interval } from "../../iova/interval-set.js";
import type { Reasons } from "../../why/reasons.js";
import { mockAttachChecks, mockEntryChecks, mockInvalidateChecks, mockNestedAttachChecks, mockPagingAttachChecks } from "./checks.js";
import type { MockDevice } from "./device.js";
import type { MockFormat, MockTracker } from "./formats.js";
import type { MockViommu } from "./viommu.js";

/** Every second attach of this PASID to a device fails, so that tests can observe the rollback. */
const FAILING_PASID = defines.IOMMU_TEST_PASID_RESERVED;

function attachMock(device: MockDevice, pasid: number, viommu: MockViommu | undefined, virtId: bigint): Ret {
	if (pasid !== 0) {
		if (pasid !== FAILING_PASID) return 0;
		device.failNext = !device.failNext;
		return device.failNext ? 0 : device.iommu.driver.reasons.fail(mockAttachChecks.mockEverySecond, pasid, device.name);
	}
	device.viommu = viommu;
	device.virtId = virtId;
	return 0;
}

/** A kernel-managed mock table. */
export class MockPagingDomain extends PagingDomain {
	readonly smallestPage: bigint;
	readonly aperture: Interval;
	readonly tracker: MockTracker | undefined;

	constructor(
		iommu: IommuInstance,
		readonly format: MockFormat,
		tracksDirty: boolean,
	) {
		super(iommu);
		this.smallestPage = format.smallestPage;
		this.aperture = format.aperture;
		if (tracksDirty) this.dirty = this.tracker = format.tracker(this);
	}

	override get pageSizes(): bigint {
		this.format.differs?.();
		return this.format.pageSizes;
	}

	override attach(device: MockDevice, pasid: number): Ret {
		if (pasid === 0 && this.dirty !== undefined && !device.tracksDirty)
			return device.iommu.driver.reasons.fail(mockPagingAttachChecks.mockTracksDirty, device.name);
		return attachMock(device, pasid, undefined, 0n);
	}

	override unmapped(area: Area): void {
		this.tracker?.forget(area.start, area.last);
	}
}

/** A nested mock table: four IOTLB entries that invalidations clear. */
export class MockNestedDomain extends NestedDomain {
	constructor(
		iommu: IommuInstance,
		readonly iotlb: number[],
		readonly viommu: MockViommu | undefined,
	) {
		super(iommu);
	}

	override attach(device: MockDevice, pasid: number): Ret {
		if (this.viommu === undefined || pasid !== 0) return attachMock(device, pasid, undefined, 0n);
		const virtId = this.viommu.viommu.virtId(device);
		if (virtId === undefined) return device.iommu.driver.reasons.fail(mockNestedAttachChecks.mockNoVdevice, device.name);
		return attachMock(device, pasid, this.viommu, virtId);
	}

	override invalidate(array: InvalidateArray): InvalidateResult {
		const { reasons } = array.process;
		if (array.type !== defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST)
			return { rc: reasons.fail(mockInvalidateChecks.mockArrayType, array.type), done: 0 };
		for (let i = 0; i < array.count; i++) {
			const bytes = array.entry(i, ENTRY.size);
			const rc = typeof bytes === "number" ? bytes : this.#invalidateOne(ENTRY.decode(bytes), reasons);
			if (rc < 0) return { rc, done: i };
		}
		return { rc: 0, done: array.count };
	}

	#invalidateOne({ flags, iotlb_id }: { flags: number; iotlb_id: number }, reasons: Reasons): Ret {
		if (flags & ~defines.IOMMU_TEST_INVALIDATE_FLAG_ALL) return reasons.fail(mockEntryChecks.mockEntryFlags, flags);
		if (iotlb_id > mock_nested_domain_iotlb.MOCK_NESTED_DOMAIN_IOTLB_ID_MAX) return reasons.fail(mockEntryChecks.mockIotlbId, iotlb_id);
		if (flags & defines.IOMMU_TEST_INVALIDATE_FLAG_ALL) this.iotlb.fill(0);
		else this.iotlb[iotlb_id] = 0;
		return 0;
	}
}
