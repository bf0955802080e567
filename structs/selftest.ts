/** The selftest driver's structs, except for its test command. */
import { noFlags } from "./common.js";
import { defines } from "./defines.js";
import { struct, u32, u64 } from "./dsl.js";
import { mock_iommupt } from "./selftest-enums.js";
import { derivedSet } from "./sets.js";

/** The one flag of the mock driver's invalidation entries. */
export const iommu_test_invalidate_flags = derivedSet(
	"flags",
	"iommu_test_invalidate_flags",
	{ IOMMU_TEST_INVALIDATE_FLAG_ALL: defines.IOMMU_TEST_INVALIDATE_FLAG_ALL },
	"all entries, not one",
);

const out = { dir: "out" } as const;

export const iommu_test_hw_info = struct(
	"iommu_test_hw_info",
	{ flags: noFlags, test_reg: u32.as("bits").note("always IOMMU_HW_INFO_SELFTEST_REGVAL") },
	"what the mock IOMMU reports about itself",
	out,
);

export const iommu_hwpt_selftest = struct(
	"iommu_hwpt_selftest",
	{
		iotlb: u32.as("bits").note("what every entry of the mock IOTLB starts with"),
		pagetable_type: u32.of(mock_iommupt).note("format of the page table"),
	},
	"a mock nested page table",
);

export const iommu_hwpt_invalidate_selftest = struct(
	"iommu_hwpt_invalidate_selftest",
	{ flags: u32.of(iommu_test_invalidate_flags).note("ALL: every entry"), iotlb_id: u32.note("which entry") },
	"one entry of an invalidation of a mock nested page table",
);

export const iommu_viommu_selftest = struct(
	"iommu_viommu_selftest",
	{
		in_data: u32.as("bits").note("any number"),
		out_data: u32.as("bits").note("the same number"),
		out_mmap_offset: u64.note("offset for mmap on the context's file"),
		out_mmap_length: u64.as("len").note("bytes to mmap"),
	},
	"the data of a mock virtual IOMMU",
);

export const iommu_viommu_invalidate_selftest = struct(
	"iommu_viommu_invalidate_selftest",
	{
		flags: u32.of(iommu_test_invalidate_flags).note("ALL: every cache entry"),
		vdev_id: u32.as("bits").note("the guest's ID of the device"),
		cache_id: u32.note("which entry"),
	},
	"one entry of an invalidation through a mock virtual IOMMU",
);

export const iommu_viommu_event_selftest = struct(
	"iommu_viommu_event_selftest",
	{ virt_id: u32.as("bits").note("the guest's ID of the device") },
	"an event of a mock device",
	out,
);
