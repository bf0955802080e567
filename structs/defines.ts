/** Constants of the selftest driver that belong to no enum. */
import { defineSet } from "./sets.js";

export const defines = defineSet(
	"defines",
	{
		IOMMU_TEST_PASID_RESERVED: 1024,
		MOCK_PASID_WIDTH: 20,
		IOMMU_HW_INFO_TYPE_SELFTEST: 0xfeedbeef,
		IOMMU_HW_INFO_SELFTEST_REGVAL: 0xdeadbeef,
		IOMMU_HWPT_DATA_SELFTEST: 0xdead,
		IOMMU_TEST_IOTLB_DEFAULT: 0xbadbeef,
		IOMMU_TEST_DEV_CACHE_DEFAULT: 0xbaddad,
		IOMMU_HWPT_INVALIDATE_DATA_SELFTEST: 0xdeadbeef,
		IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID: 0xdadbeef,
		IOMMU_TEST_INVALIDATE_FLAG_ALL: 1,
		IOMMU_VIOMMU_TYPE_SELFTEST: 0xdeadbeef,
		IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST: 0xdeadbeef,
		IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID: 0xdadbeef,
		IOMMU_VEVENTQ_TYPE_SELFTEST: 0xbeefbeef,
		IOMMU_HW_QUEUE_TYPE_SELFTEST: 0xdeadbeef,
		IOMMU_TEST_HW_QUEUE_MAX: 2,
	},
	"constants of the selftest driver",
);
