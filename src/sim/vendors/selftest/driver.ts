/** The simulated driver of the selftest's mock IOMMU: what the iommufd core calls. */
import {
	mock_flags_device as DEVICE,
	defines,
	iommufd_hwpt_alloc_flags as FLAG,
	iommu_hwpt_selftest,
	iommu_test_hw_info,
	mock_iommupt,
} from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import type { Domain, NestedDomain, PagingDomain } from "../../contract/domain.js";
import type { HwInfo, IommuDriver } from "../../contract/driver.js";
import type { AllocData, GivenData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
import type { ViommuCore, ViommuOps } from "../../contract/viommu.js";
import type { Release } from "../../uapi/release.js";
import type { Reasons } from "../../why/reasons.js";
import { mockAllocNestedChecks, mockFormatChecks, mockInfoChecks, mockPagingChecks, mockViommuChecks } from "./checks.js";
import type { MockDevice } from "./device.js";
import { MockNestedDomain, MockPagingDomain } from "./domains.js";
import { HUGE, oldFormat, USUAL } from "./formats.js";
import { mockNested } from "./nested.js";
import { MockViommu } from "./viommu.js";

const DEVICE_FLAGS = DEVICE.MOCK_FLAGS_DEVICE_NO_DIRTY | DEVICE.MOCK_FLAGS_DEVICE_PASID;

/** The driver of the selftest's mock IOMMU. */
export class MockDriver implements IommuDriver {
	readonly #release: Release | undefined;

	constructor(
		readonly reasons: Reasons,
		release?: Release,
	) {
		this.#release = release;
	}

	/** Whether mock devices can have these flags. */
	knowsDevice(flags: number): boolean {
		const release = this.#release;
		if (release === undefined) return (flags & ~DEVICE_FLAGS) === 0;
		for (let flag = 1; flag !== 0; flag <<= 1) if (flags & flag && !release.knowsTestDevice(flag)) return false;
		return true;
	}

	canTrackDirty(device: MockDevice): boolean {
		return device.tracksDirty;
	}

	guestOwnsPasids(domain: Domain): boolean {
		return domain instanceof MockNestedDomain;
	}

	detached(device: MockDevice, pasid: number): void {
		if (pasid === 0) device.viommu = undefined;
		else if (pasid === defines.IOMMU_TEST_PASID_RESERVED) device.failNext = false;
	}

	allocPaging(device: MockDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		const tracksDirty = (flags & FLAG.IOMMU_HWPT_ALLOC_DIRTY_TRACKING) !== 0;
		if (this.#release?.predates("selftest.page-tables")) {
			if (from?.data === undefined) return new MockPagingDomain(device.iommu, oldFormat(this.#release, device.hugeEntries), tracksDirty);
			this.#release.lacks("selftest.page-tables");
			return this.reasons.fail(mockPagingChecks.mockOldPaging, from.data.type);
		}
		const format = from === undefined ? 0 : pagingFormat(from);
		if (format < 0) return format;
		return new MockPagingDomain(device.iommu, format === mock_iommupt.MOCK_IOMMUPT_HUGE ? HUGE : USUAL, tracksDirty);
	}

	allocNested(device: IommuDevice, parent: PagingDomain, _flags: number, from: GivenData): NestedDomain | Ret {
		const { type } = from.data;
		if (type !== defines.IOMMU_HWPT_DATA_SELFTEST) return this.reasons.fail(mockAllocNestedChecks.mockNestedType, type);
		return mockNested(device, parent, from);
	}

	hwInfo(_device: IommuDevice, type: number): HwInfo | Ret {
		if (type !== 0 && type !== defines.IOMMU_HW_INFO_TYPE_SELFTEST) return this.reasons.fail(mockInfoChecks.mockInfoType, type);
		return {
			type: defines.IOMMU_HW_INFO_TYPE_SELFTEST,
			data: iommu_test_hw_info.encode({ flags: 0, test_reg: defines.IOMMU_HW_INFO_SELFTEST_REGVAL }),
		};
	}

	viommuSupported(_device: IommuDevice, type: number): Ret {
		return type === defines.IOMMU_VIOMMU_TYPE_SELFTEST ? 0 : this.reasons.fail(mockViommuChecks.mockViommuType, type);
	}

	initViommu(viommu: ViommuCore, parent: PagingDomain, from: AllocData): ViommuOps | Ret {
		return MockViommu.create(viommu, parent, from);
	}
}

/** The table format that the caller's data requests. */
function pagingFormat({ process, data }: AllocData): Ret {
	if (data === undefined) return mock_iommupt.MOCK_IOMMUPT_DEFAULT;
	const { size, offsets } = iommu_hwpt_selftest;
	if (data.type !== defines.IOMMU_HWPT_DATA_SELFTEST) return process.reasons.fail(mockFormatChecks.mockPagingType, data.type);
	const bytes = copyUserData(process, data, data.type, size, offsets.pagetable_type);
	if (typeof bytes === "number") return bytes;
	const { pagetable_type } = iommu_hwpt_selftest.decode(bytes);
	if (pagetable_type <= mock_iommupt.MOCK_IOMMUPT_HUGE) return pagetable_type;
	return process.reasons.fail(mockFormatChecks.mockPagetableType, pagetable_type);
}
