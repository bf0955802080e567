/** Hardware page tables: making them, and tracking the pages that devices dirty. */
import { reserved, size } from "./common.js";
import { defines } from "./defines.js";
import { array, id, ptr, struct, u32, u64 } from "./dsl.js";
import { iommu_hwpt_data_type_riscv } from "./proposals-riscv.js";
import { enumSet, flagSet } from "./sets.js";

export const iommufd_hwpt_alloc_flags = flagSet(
	"iommufd_hwpt_alloc_flags",
	{ IOMMU_HWPT_ALLOC_NEST_PARENT: 1, IOMMU_HWPT_ALLOC_DIRTY_TRACKING: 2, IOMMU_HWPT_FAULT_ID_VALID: 4, IOMMU_HWPT_ALLOC_PASID: 8 },
	"what the page table must be able to do",
);

export const iommu_hwpt_data_type = enumSet(
	"iommu_hwpt_data_type",
	{ IOMMU_HWPT_DATA_NONE: 0, IOMMU_HWPT_DATA_VTD_S1: 1, IOMMU_HWPT_DATA_ARM_SMMUV3: 2, IOMMU_HWPT_DATA_AMD_GUEST: 3 },
	"type of the data that describes a nested page table",
);

export const iommu_hwpt_vtd_s1_flags = flagSet(
	"iommu_hwpt_vtd_s1_flags",
	{ IOMMU_VTD_S1_SRE: 1, IOMMU_VTD_S1_EAFE: 2, IOMMU_VTD_S1_WPE: 4 },
	"supervisor requests, extended accessed flag, write protection",
);

export const iommufd_hwpt_set_dirty_tracking_flags = flagSet(
	"iommufd_hwpt_set_dirty_tracking_flags",
	{ IOMMU_HWPT_DIRTY_TRACKING_ENABLE: 1 },
	"set: track; clear: stop",
);

export const iommufd_hwpt_get_dirty_bitmap_flags = flagSet(
	"iommufd_hwpt_get_dirty_bitmap_flags",
	{ IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR: 1 },
	"leave the dirty bits as they are",
);

export const iommu_hwpt_alloc = struct(
	"iommu_hwpt_alloc",
	{
		size,
		flags: u32.of(iommufd_hwpt_alloc_flags).note("what the page table must be able to do"),
		dev_id: id.note("the device it is for"),
		pt_id: id.note("the IOAS for a kernel-managed table, or the parent page table or virtual IOMMU for a nested one"),
		out_hwpt_id: id.note("ID of the new page table"),
		__reserved: reserved,
		data_type: u32
			.of(iommu_hwpt_data_type, { ...iommu_hwpt_data_type_riscv, IOMMU_HWPT_DATA_SELFTEST: defines.IOMMU_HWPT_DATA_SELFTEST })
			.note("what data_uptr points to"),
		data_len: u32.as("len").note("bytes at data_uptr"),
		data_uptr: ptr.note("the hardware-specific data, see data_type"),
		fault_id: id.note("the fault queue, with FAULT_ID_VALID"),
		__reserved2: reserved,
	},
	"make a page table for a device: kernel-managed, or nested on another",
);

export const iommu_hwpt_vtd_s1 = struct(
	"iommu_hwpt_vtd_s1",
	{
		flags: u64.of(iommu_hwpt_vtd_s1_flags).note("as in the guest's PASID table entry"),
		pgtbl_addr: u64.as("iova").note("guest physical address of the page table's root"),
		addr_width: u32.note("48, or 57 with five levels"),
		__reserved: reserved,
	},
	"a VT-d first-stage page table of a guest",
);

export const iommu_hwpt_arm_smmuv3 = struct(
	"iommu_hwpt_arm_smmuv3",
	{ ste: array(u64, 2, "words 0 and 1 of a stream table entry") },
	"an SMMUv3 stream table entry of a guest",
);

export const iommu_hwpt_amd_guest = struct(
	"iommu_hwpt_amd_guest",
	{ dte: array(u64, 4, "the four words of a device table entry") },
	"an AMD device table entry of a guest",
);

export const iommu_hwpt_set_dirty_tracking = struct(
	"iommu_hwpt_set_dirty_tracking",
	{
		size,
		flags: u32.of(iommufd_hwpt_set_dirty_tracking_flags).note("ENABLE to start, 0 to stop"),
		hwpt_id: id.note("the page table"),
		__reserved: reserved,
	},
	"start or stop tracking the pages that devices write",
);

export const iommu_hwpt_get_dirty_bitmap = struct(
	"iommu_hwpt_get_dirty_bitmap",
	{
		size,
		hwpt_id: id.note("the page table"),
		flags: u32.of(iommufd_hwpt_get_dirty_bitmap_flags).note("NO_CLEAR: leave the dirty bits set"),
		__reserved: reserved,
		iova: u64.as("iova").note("first IOVA of the range"),
		length: u64.as("len").note("bytes of IOVA"),
		page_size: u64.as("len").note("bytes that one bit of the bitmap stands for"),
		data: ptr.note("the bitmap; bits are set, never cleared"),
	},
	"read which pages of a range devices wrote, and clear their dirty bits",
);
