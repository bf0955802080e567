/** Virtual IOMMUs and the objects that belong to them: virtual devices, event queues, hardware queues. */
import { noFlags, reserved, size } from "./common.js";
import { defines } from "./defines.js";
import { array, id, ptr, struct, u32, u64 } from "./dsl.js";
import { enumSet, flagSet } from "./sets.js";

export const iommu_viommu_type = enumSet(
	"iommu_viommu_type",
	{ IOMMU_VIOMMU_TYPE_DEFAULT: 0, IOMMU_VIOMMU_TYPE_ARM_SMMUV3: 1, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: 2 },
	"which hardware the virtual IOMMU is a slice of",
);

export const iommu_veventq_flag = flagSet(
	"iommu_veventq_flag",
	{ IOMMU_VEVENTQ_FLAG_LOST_EVENTS: 1 },
	"the queue was full, and events were lost here",
);

export const iommu_veventq_type = enumSet(
	"iommu_veventq_type",
	{ IOMMU_VEVENTQ_TYPE_DEFAULT: 0, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3: 1, IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV: 2 },
	"type of the events of a queue",
);

export const iommu_hw_queue_type = enumSet(
	"iommu_hw_queue_type",
	{ IOMMU_HW_QUEUE_TYPE_DEFAULT: 0, IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV: 1 },
	"type of queue that the hardware reads from guest memory",
);

const viommu_id = id.note("the virtual IOMMU");

export const iommu_viommu_alloc = struct(
	"iommu_viommu_alloc",
	{
		size,
		flags: noFlags,
		type: u32
			.of(iommu_viommu_type, { IOMMU_VIOMMU_TYPE_SELFTEST: defines.IOMMU_VIOMMU_TYPE_SELFTEST })
			.note("the hardware it is a slice of"),
		dev_id: id.note("a device behind the physical IOMMU"),
		hwpt_id: id.note("the nesting parent page table"),
		out_viommu_id: id.note("ID of the new virtual IOMMU"),
		data_len: u32.as("len").note("bytes at data_uptr"),
		__reserved: reserved,
		data_uptr: ptr.note("the hardware-specific data, see type"),
	},
	"make a virtual IOMMU: a guest's slice of a physical one",
);

export const iommu_viommu_tegra241_cmdqv = struct(
	"iommu_viommu_tegra241_cmdqv",
	{ out_vintf_mmap_offset: u64.note("offset for mmap on the context's file"), out_vintf_mmap_length: u64.as("len").note("bytes to mmap") },
	"where to mmap the virtual interface's page of a Tegra241 command queue extension",
);

export const iommu_vdevice_alloc = struct(
	"iommu_vdevice_alloc",
	{
		size,
		viommu_id,
		dev_id: id.note("the physical device"),
		out_vdevice_id: id.note("ID of the new virtual device"),
		virt_id: u64.note("the guest's name for the device: stream ID (SMMUv3), requester ID (VT-d, AMD)"),
	},
	"tell a virtual IOMMU by which ID the guest knows a device",
);

export const iommu_veventq_alloc = struct(
	"iommu_veventq_alloc",
	{
		size,
		flags: noFlags,
		viommu_id,
		type: u32.of(iommu_veventq_type, { IOMMU_VEVENTQ_TYPE_SELFTEST: defines.IOMMU_VEVENTQ_TYPE_SELFTEST }).note("which events to report"),
		veventq_depth: u32.note("events that it can hold"),
		out_veventq_id: id.note("ID of the new event queue"),
		out_veventq_fd: u32.as("fd").note("file to read events from"),
		__reserved: reserved,
	},
	"make a queue for the events of a virtual IOMMU that its guest should see",
);

const out = { dir: "out" } as const;

export const iommufd_vevent_header = struct(
	"iommufd_vevent_header",
	{
		flags: u32.of(iommu_veventq_flag).note("LOST_EVENTS: no data follows"),
		sequence: u32.note("counts the events, lost ones too; wraps after 2^31-1"),
	},
	"precedes each event read from an event queue's file",
	out,
);

export const iommu_vevent_arm_smmuv3 = struct(
	"iommu_vevent_arm_smmuv3",
	{ evt: array(u64, 4, "the event record, little-endian, with the virtual stream ID") },
	"an SMMUv3 event",
	out,
);

export const iommu_vevent_tegra241_cmdqv = struct(
	"iommu_vevent_tegra241_cmdqv",
	{ lvcmdq_err_map: array(u64, 2, "a bit for each command queue in error") },
	"errors of a Tegra241 command queue extension",
	out,
);

export const iommu_hw_queue_alloc = struct(
	"iommu_hw_queue_alloc",
	{
		size,
		flags: noFlags,
		viommu_id,
		type: u32.of(iommu_hw_queue_type, { IOMMU_HW_QUEUE_TYPE_SELFTEST: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST }).note("the kind of queue"),
		index: u32.note("which of the virtual IOMMU's queues"),
		out_hw_queue_id: id.note("ID of the new hardware queue"),
		nesting_parent_iova: u64.as("iova").note("IOVA of the queue's memory in the nesting parent"),
		length: u64.as("len").note("size of the queue's memory, in bytes"),
	},
	"let the hardware read a queue directly from guest memory, which stays pinned",
);
