/** Invalidation of what the hardware has cached from a guest's page tables. */
import { reserved, size } from "./common.js";
import { defines } from "./defines.js";
import { array, id, ptr, struct, u32, u64 } from "./dsl.js";
import { iommu_hwpt_invalidate_data_type_riscv } from "./proposals-riscv.js";
import { enumSet, flagSet } from "./sets.js";

export const iommu_hwpt_invalidate_data_type = enumSet(
	"iommu_hwpt_invalidate_data_type",
	{ IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: 0, IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3: 1 },
	"type of the entries of an invalidation array",
);

export const iommu_hwpt_vtd_s1_invalidate_flags = flagSet(
	"iommu_hwpt_vtd_s1_invalidate_flags",
	{ IOMMU_VTD_INV_FLAGS_LEAF: 1 },
	"only leaf entries changed",
);

/** A proposal's type, and those that only the selftest driver takes; the same numbers on a page table and on a virtual IOMMU. */
const otherTypes = {
	...iommu_hwpt_invalidate_data_type_riscv,
	IOMMU_HWPT_INVALIDATE_DATA_SELFTEST: defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
	IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST: defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST,
	IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID: defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID,
	IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID: defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID,
};

export const iommu_hwpt_invalidate = struct(
	"iommu_hwpt_invalidate",
	{
		size,
		hwpt_id: id.note("the nested page table, or the virtual IOMMU"),
		data_uptr: ptr.note("array of entries"),
		data_type: u32.of(iommu_hwpt_invalidate_data_type, otherTypes).note("type of the entries"),
		entry_len: u32.as("len").note("bytes from one entry to the next"),
		entry_num: u32.inout().note("number of entries; comes back as the number handled, on failure too"),
		__reserved: reserved,
	},
	"invalidate what the hardware cached from a guest's page tables, by an array of entries",
);

export const iommu_hwpt_vtd_s1_invalidate = struct(
	"iommu_hwpt_vtd_s1_invalidate",
	{
		addr: u64.as("iova").note("first address, 4 KiB aligned"),
		npages: u64.as("count").note("number of 4 KiB pages; 2^64-1 with address 0 means everything"),
		flags: u32.of(iommu_hwpt_vtd_s1_invalidate_flags).note("LEAF leaves the paging-structure caches alone"),
		__reserved: reserved,
	},
	"one entry of a VT-d first-stage invalidation",
);

export const iommu_viommu_arm_smmuv3_invalidate = struct(
	"iommu_viommu_arm_smmuv3_invalidate",
	{ cmd: array(u64, 2, "the command as in the SMMU's command queue, little-endian") },
	"one command of an SMMUv3 invalidation",
);
