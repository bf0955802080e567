/** Calls on the file of a VFIO device that are not part of iommufd. Some share a number with a type 1 call of /dev/iommu: the file decides. */
import { array, struct, u8, u32 } from "./dsl.js";
import type { Ioctl } from "./ioctls.js";
import type { StructType } from "./struct-type.js";
import * as vfio from "./vfio.js";

export const vfio_irq_set = struct(
	"vfio_irq_set",
	{
		argsz: u32,
		flags: u32.note("type of data (bits 2:0) and action (bits 5:3)"),
		index: u32.note("which interrupt index"),
		start: u32.note("the first interrupt of that index"),
		count: u32.note("number of interrupts"),
		data: array(u8, 0, "an eventfd, or a flag, for each interrupt"),
	},
	"set up, mask or trigger interrupts of a VFIO device",
);

export const vfio_pci_hot_reset_info = struct(
	"vfio_pci_hot_reset_info",
	{
		argsz: u32,
		flags: u32.out().note("1 << 0: the devices have iommufd IDs, 1 << 1: the context owns all of them"),
		count: u32.out().note("number of devices that the reset affects"),
		devices: array(u32, 0, "ID or group and address of each device"),
	},
	"list the devices that a hot reset affects",
);

export const vfio_pci_hot_reset = struct(
	"vfio_pci_hot_reset",
	{
		argsz: u32,
		flags: u32.note("must be zero"),
		count: u32.note("number of group files that follow; 0: the context's own devices"),
		group_fds: array(u32, 0, "the files of the groups"),
	},
	"reset a device and all others on its bus",
);

const call = (name: string, nr: number, struct: unknown = null): Ioctl => {
	const type = struct as StructType | null;
	const size = type?.size ?? 0;
	return Object.freeze({ name, request: 0x3b00 | nr, nr, struct: type, size, minSize: size });
};

/** By request number. */
export const vfioDeviceCalls: ReadonlyMap<number, Ioctl> = new Map(
	[
		call("VFIO_DEVICE_GET_REGION_INFO", 0x6c, vfio.vfio_region_info),
		call("VFIO_DEVICE_GET_IRQ_INFO", 0x6d, vfio.vfio_irq_info),
		call("VFIO_DEVICE_SET_IRQS", 0x6e, vfio_irq_set),
		call("VFIO_DEVICE_RESET", 0x6f),
		call("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", 0x70, vfio_pci_hot_reset_info),
		call("VFIO_DEVICE_PCI_HOT_RESET", 0x71, vfio_pci_hot_reset),
		call("VFIO_DEVICE_QUERY_GFX_PLANE", 0x72),
		call("VFIO_DEVICE_GET_GFX_DMABUF", 0x73),
		call("VFIO_DEVICE_IOEVENTFD", 0x74),
	].map((one) => [one.request, one]),
);

/** Where VFIO's structs may end: before the fields that came later. */
const optionalFrom: Readonly<Record<string, number>> = {
	VFIO_IOMMU_GET_INFO: vfio.vfio_iommu_type1_info.offsets.cap_offset,
	VFIO_DEVICE_GET_INFO: vfio.vfio_device_info.offsets.cap_offset,
	VFIO_DEVICE_BIND_IOMMUFD: vfio.vfio_device_bind_iommufd.offsets.token_uuid_ptr,
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: vfio.vfio_device_attach_iommufd_pt.offsets.pasid,
	VFIO_DEVICE_DETACH_IOMMUFD_PT: vfio.vfio_device_detach_iommufd_pt.offsets.pasid,
};

/** The smallest struct that a call takes, in bytes. */
export const leastSize = ({ name, minSize }: Ioctl): number => optionalFrom[name] ?? minSize;
