/** The selftest's mock devices. */
import { iommufd_hw_capabilities as CAP, defines, mock_flags_device as FLAG, mock_dev_cache } from "../../../../structs/index.js";
import { IommuDevice, IommuGroup } from "../../contract/device.js";
import type { IommuInstance } from "../../contract/driver.js";
import type { MockViommu } from "./viommu.js";

/** MOCK_FLAGS_DEVICE_HUGE_IOVA, which Linux 7.3 does not know any more. */
export const HUGE_IOVA = 2;

/** A device that a test command created, in its own group. */
export class MockDevice extends IommuDevice {
	readonly tracksDirty: boolean;
	/** the tables made for it have entries of 1 MiB too, in releases that know this kind of device */
	readonly hugeEntries: boolean;
	/** cache entries that invalidations through a vIOMMU clear */
	readonly caches = new Array<number>(mock_dev_cache.MOCK_DEV_CACHE_NUM).fill(defines.IOMMU_TEST_DEV_CACHE_DEFAULT);
	/** gets its events; set while it is attached to a nested table of a vIOMMU */
	viommu: MockViommu | undefined;
	virtId = 0n;
	/** the next attach of PASID 1024 fails */
	failNext = false;

	constructor(iommu: IommuInstance, group: number, flags: number) {
		const pasids = flags & FLAG.MOCK_FLAGS_DEVICE_PASID ? 1 << defines.MOCK_PASID_WIDTH : 0;
		super(`iommufd_mock${group}`, iommu, new IommuGroup(group), pasids, []);
		this.capabilities = CAP.IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
		this.hugeEntries = (flags & HUGE_IOVA) !== 0;
		this.tracksDirty = !(flags & FLAG.MOCK_FLAGS_DEVICE_NO_DIRTY);
		this.maxPasidLog2 = pasids === 0 ? 0 : defines.MOCK_PASID_WIDTH;
	}
}
