/** The uAPI for nesting on the RISC-V IOMMU, as posted (RFC v2, June 2024) and never merged. */
// The series numbered its types 2, 2 and 1, which the kernel has given away since; these are the next free numbers of 7.3.
import { reserved } from "./common.js";
import { array, ptr, struct, u32, u64 } from "./dsl.js";
import { derivedSet } from "./sets.js";

const proposal = true;

export const iommu_hw_info_type_riscv = derivedSet(
	"enum",
	"iommu_hw_info_type_riscv",
	{ IOMMU_HW_INFO_TYPE_RISCV_IOMMU: 5 },
	"the type of what a RISC-V IOMMU can do",
);

export const iommu_hwpt_data_type_riscv = derivedSet(
	"enum",
	"iommu_hwpt_data_type_riscv",
	{ IOMMU_HWPT_DATA_RISCV_IOMMU: 4 },
	"the type of a RISC-V device context of a guest",
);

export const iommu_hwpt_invalidate_data_type_riscv = derivedSet(
	"enum",
	"iommu_hwpt_invalidate_data_type_riscv",
	{ IOMMU_HWPT_INVALIDATE_DATA_RISCV_IOMMU: 2 },
	"the type of entries that are RISC-V commands",
);

export const iommu_hw_info_riscv_iommu = struct(
	"iommu_hw_info_riscv_iommu",
	{
		capability: u64.note("the capabilities register"),
		fctl: u32.as("bits").note("the features-control register"),
		__reserved: reserved,
	},
	"what a RISC-V IOMMU can do",
	{ dir: "out", proposal },
);

export const iommu_hwpt_riscv_iommu = struct(
	"iommu_hwpt_riscv_iommu",
	{
		dc_len: u64.as("len").note("bytes of the device context: 64 if the capabilities have MSI_FLAT, else 32"),
		dc_uptr: ptr.note("the guest's device context"),
		event_len: u64.as("len").note("bytes of an event record: 32"),
		out_event_uptr: ptr.note("where to write a fault record if the device context is not valid"),
	},
	"a RISC-V device context of a guest",
	{ proposal },
);

export const iommu_hwpt_riscv_iommu_invalidate = struct(
	"iommu_hwpt_riscv_iommu_invalidate",
	{ cmd: array(u64, 2, "the command as in the IOMMU's command queue, little-endian") },
	"one command of a RISC-V invalidation",
	{ proposal },
);
