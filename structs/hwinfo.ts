/** What a device's IOMMU is and can do. */
import { reserved, size } from "./common.js";
import { defines } from "./defines.js";
import { array, id, ptr, struct, u8, u32, u64, union } from "./dsl.js";
import { iommu_hw_info_type_riscv } from "./proposals-riscv.js";
import { enumSet, flagSet } from "./sets.js";

export const iommu_hw_info_type = enumSet(
	"iommu_hw_info_type",
	{
		IOMMU_HW_INFO_TYPE_NONE: 0,
		IOMMU_HW_INFO_TYPE_DEFAULT: 0,
		IOMMU_HW_INFO_TYPE_INTEL_VTD: 1,
		IOMMU_HW_INFO_TYPE_ARM_SMMUV3: 2,
		IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV: 3,
		IOMMU_HW_INFO_TYPE_AMD: 4,
	},
	"which hardware, and so what its data look like",
);

export const iommufd_hw_info_flags = flagSet(
	"iommufd_hw_info_flags",
	{ IOMMU_HW_INFO_FLAG_INPUT_TYPE: 1 },
	"in_data_type asks for one type of data",
);

export const iommufd_hw_capabilities = flagSet(
	"iommufd_hw_capabilities",
	{ IOMMU_HW_CAP_DIRTY_TRACKING: 1, IOMMU_HW_CAP_PCI_PASID_EXEC: 2, IOMMU_HW_CAP_PCI_PASID_PRIV: 4, IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED: 8 },
	"what the IOMMU and the device can do, in terms common to all hardware",
);

export const iommu_hw_info_vtd_flags = flagSet(
	"iommu_hw_info_vtd_flags",
	{ IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17: 1 },
	"read-only mappings are refused on a nesting parent",
);

export const iommu_hw_info_arm_smmuv3_flags = flagSet(
	"iommu_hw_info_arm_smmuv3_flags",
	{ IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI: 1 },
	"invalidation commands have to be issued twice",
);

const type = u32.of(iommu_hw_info_type, {
	...iommu_hw_info_type_riscv,
	IOMMU_HW_INFO_TYPE_SELFTEST: defines.IOMMU_HW_INFO_TYPE_SELFTEST,
});
const out = { dir: "out" } as const;

export const iommu_hw_info = struct(
	"iommu_hw_info",
	{
		size,
		flags: u32.of(iommufd_hw_info_flags).note("INPUT_TYPE: in_data_type is used"),
		dev_id: id.note("the device"),
		data_len: u32.as("len").inout().note("room at data_uptr; comes back as the length of the kernel's data"),
		data_uptr: ptr.note("where to write the hardware-specific data"),
		$data_type: union({
			in_data_type: type.note("the type asked for, with INPUT_TYPE"),
			out_data_type: type.note("the type that was written"),
		}),
		out_max_pasid_log2: u8.note("width of the device's PASIDs in bits; 0: none"),
		__reserved: array(u8, 3),
		out_capabilities: u64.of(iommufd_hw_capabilities).note("what the IOMMU and the device can do"),
	},
	"ask which IOMMU is behind a device",
);

export const iommu_hw_info_vtd = struct(
	"iommu_hw_info_vtd",
	{
		flags: u32.of(iommu_hw_info_vtd_flags).note("errata"),
		__reserved: reserved,
		cap_reg: u64.note("the capability register"),
		ecap_reg: u64.note("the extended capability register"),
	},
	"what VT-d hardware can do",
	out,
);

export const iommu_hw_info_arm_smmuv3 = struct(
	"iommu_hw_info_arm_smmuv3",
	{
		flags: u32.of(iommu_hw_info_arm_smmuv3_flags).note("errata"),
		__reserved: reserved,
		idr: array(u32.as("bits"), 6, "ID registers 0 to 5"),
		iidr: u32.as("bits").note("the implementation register"),
		aidr: u32.as("bits").note("the architecture register"),
	},
	"what an SMMUv3 can do",
	out,
);

export const iommu_hw_info_tegra241_cmdqv = struct(
	"iommu_hw_info_tegra241_cmdqv",
	{
		flags: u32.note("no flag is defined"),
		version: u8.note("version of the extension"),
		log2vcmdqs: u8.note("log2 of the number of command queues per virtual interface"),
		log2vsids: u8.note("log2 of the number of stream IDs per virtual interface"),
		__reserved: u8,
	},
	"what the Tegra241 command queue extension of an SMMUv3 can do",
	out,
);

export const iommu_hw_info_amd = struct(
	"iommu_hw_info_amd",
	{ efr: u64.note("the extended feature register"), efr2: u64.note("the second extended feature register") },
	"what an AMD IOMMU can do",
	out,
);
