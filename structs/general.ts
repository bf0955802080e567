/** Objects in general: destroying them, and options of a context or an object. */
import { noFlags, reserved, size } from "./common.js";
import { id, struct, u16, u32, u64 } from "./dsl.js";
import { enumSet } from "./sets.js";

export const iommufd_cmd = enumSet(
	"iommufd_cmd",
	{
		IOMMUFD_CMD_BASE: 0x80,
		IOMMUFD_CMD_DESTROY: 0x80,
		IOMMUFD_CMD_IOAS_ALLOC: 0x81,
		IOMMUFD_CMD_IOAS_ALLOW_IOVAS: 0x82,
		IOMMUFD_CMD_IOAS_COPY: 0x83,
		IOMMUFD_CMD_IOAS_IOVA_RANGES: 0x84,
		IOMMUFD_CMD_IOAS_MAP: 0x85,
		IOMMUFD_CMD_IOAS_UNMAP: 0x86,
		IOMMUFD_CMD_OPTION: 0x87,
		IOMMUFD_CMD_VFIO_IOAS: 0x88,
		IOMMUFD_CMD_HWPT_ALLOC: 0x89,
		IOMMUFD_CMD_GET_HW_INFO: 0x8a,
		IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING: 0x8b,
		IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP: 0x8c,
		IOMMUFD_CMD_HWPT_INVALIDATE: 0x8d,
		IOMMUFD_CMD_FAULT_QUEUE_ALLOC: 0x8e,
		IOMMUFD_CMD_IOAS_MAP_FILE: 0x8f,
		IOMMUFD_CMD_VIOMMU_ALLOC: 0x90,
		IOMMUFD_CMD_VDEVICE_ALLOC: 0x91,
		IOMMUFD_CMD_IOAS_CHANGE_PROCESS: 0x92,
		IOMMUFD_CMD_VEVENTQ_ALLOC: 0x93,
		IOMMUFD_CMD_HW_QUEUE_ALLOC: 0x94,
		IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA: 0x95,
	},
	"the low byte of each iommufd request number",
);

export const iommufd_option = enumSet("iommufd_option", { IOMMU_OPTION_RLIMIT_MODE: 0, IOMMU_OPTION_HUGE_PAGES: 1 }, "which option");

export const iommufd_option_ops = enumSet(
	"iommufd_option_ops",
	{ IOMMU_OPTION_OP_SET: 0, IOMMU_OPTION_OP_GET: 1 },
	"write an option or read it",
);

export const iommufd_vfio_ioas_op = enumSet(
	"iommufd_vfio_ioas_op",
	{ IOMMU_VFIO_IOAS_GET: 0, IOMMU_VFIO_IOAS_SET: 1, IOMMU_VFIO_IOAS_CLEAR: 2 },
	"what to do with the IOAS of the VFIO compatibility calls",
);

export const iommu_destroy = struct(
	"iommu_destroy",
	{ size, id: id.note("the object to destroy") },
	"destroy an object; EBUSY while another one uses it",
);

export const iommu_option = struct(
	"iommu_option",
	{
		size,
		option_id: u32.of(iommufd_option).note("which option"),
		op: u16.of(iommufd_option_ops).note("set or get"),
		__reserved: u16,
		object_id: id.note("the object the option belongs to; 0 for the context"),
		val64: u64.as("count").inout().note("the value to set, or the value found"),
	},
	"set or get an option: page accounting of a context (RLIMIT_MODE), huge pages of an IOAS",
);

export const iommu_vfio_ioas = struct(
	"iommu_vfio_ioas",
	{
		size,
		ioas_id: id.inout().note("the IOAS to use from now on, or the one in use"),
		op: u16.of(iommufd_vfio_ioas_op).note("get, set or clear"),
		__reserved: u16,
	},
	"choose the IOAS that the VFIO compatibility calls act on",
);

export const iommu_ioas_change_process = struct(
	"iommu_ioas_change_process",
	{ size, __reserved: reserved },
	"move the accounting of pinned pages to the calling process; only with file mappings",
);

export const iommu_fault_alloc = struct(
	"iommu_fault_alloc",
	{
		size,
		flags: noFlags,
		out_fault_id: id.note("ID of the new fault queue"),
		out_fault_fd: u32.as("fd").note("file to read page faults from and write responses to"),
	},
	"make a fault queue, to which page tables can send recoverable page faults",
);
