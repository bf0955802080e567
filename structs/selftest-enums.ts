/** Constants of the selftest driver. The uAPI's enums here have no names; these names are ours. */
import { defineSet, enumSet, flagSet } from "./sets.js";

export const iommu_test_op = enumSet(
	"iommu_test_op",
	{
		IOMMU_TEST_OP_ADD_RESERVED: 1,
		IOMMU_TEST_OP_MOCK_DOMAIN: 2,
		IOMMU_TEST_OP_MD_CHECK_MAP: 3,
		IOMMU_TEST_OP_MD_CHECK_REFS: 4,
		IOMMU_TEST_OP_CREATE_ACCESS: 5,
		IOMMU_TEST_OP_DESTROY_ACCESS_PAGES: 6,
		IOMMU_TEST_OP_ACCESS_PAGES: 7,
		IOMMU_TEST_OP_ACCESS_RW: 8,
		IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT: 9,
		IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE: 10,
		IOMMU_TEST_OP_ACCESS_REPLACE_IOAS: 11,
		IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS: 12,
		IOMMU_TEST_OP_DIRTY: 13,
		IOMMU_TEST_OP_MD_CHECK_IOTLB: 14,
		IOMMU_TEST_OP_TRIGGER_IOPF: 15,
		IOMMU_TEST_OP_DEV_CHECK_CACHE: 16,
		IOMMU_TEST_OP_TRIGGER_VEVENT: 17,
		IOMMU_TEST_OP_PASID_ATTACH: 18,
		IOMMU_TEST_OP_PASID_REPLACE: 19,
		IOMMU_TEST_OP_PASID_DETACH: 20,
		IOMMU_TEST_OP_PASID_CHECK_HWPT: 21,
		IOMMU_TEST_OP_DMABUF_GET: 22,
		IOMMU_TEST_OP_DMABUF_REVOKE: 23,
	},
	"which test command",
);

export const mock_iommupt = enumSet(
	"mock_iommupt",
	{ MOCK_IOMMUPT_DEFAULT: 0, MOCK_IOMMUPT_HUGE: 1 },
	"format of a mock page table: small pages, or huge ones too",
);

export const mock_aperture = defineSet(
	"mock_aperture",
	{ MOCK_APERTURE_START: 1 << 24, MOCK_APERTURE_LAST: 2 ** 31 - 1, MOCK_PAGE_SIZE: 2048, MOCK_HUGE_PAGE_SIZE: 2 ** 20 },
	"the IOVAs and page sizes of the mock IOMMU",
);

export const mock_flags_access = flagSet(
	"mock_flags_access",
	{ MOCK_FLAGS_ACCESS_WRITE: 1, MOCK_FLAGS_ACCESS_SYZ: 1 << 16 },
	"pin for writing; take the IOVA as an offset into what is mapped",
);

export const mock_access_rw = flagSet(
	"mock_access_rw",
	{ MOCK_ACCESS_RW_WRITE: 1, MOCK_ACCESS_RW_SLOW_PATH: 4 },
	"copy into the IOAS; do it the slow way",
);

export const mock_flags_access_create = flagSet(
	"mock_flags_access_create",
	{ MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES: 1 },
	"the access will pin pages",
);

export const mock_flags_device = flagSet(
	"mock_flags_device",
	{ MOCK_FLAGS_DEVICE_NO_DIRTY: 1, MOCK_FLAGS_DEVICE_PASID: 4 },
	"a mock device that cannot track dirty pages; one that has PASIDs",
);

export const mock_nested_domain_iotlb = defineSet(
	"mock_nested_domain_iotlb",
	{ MOCK_NESTED_DOMAIN_IOTLB_ID_MAX: 3, MOCK_NESTED_DOMAIN_IOTLB_NUM: 4 },
	"the IOTLB entries of a mock nested page table",
);

export const mock_dev_cache = defineSet(
	"mock_dev_cache",
	{ MOCK_DEV_CACHE_ID_MAX: 3, MOCK_DEV_CACHE_NUM: 4 },
	"the cache entries of a mock device",
);
