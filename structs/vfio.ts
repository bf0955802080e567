/** The part of VFIO that users of iommufd need: its devices, and the type 1 calls that iommufd answers. */
import { array, id, ptr, s32, struct, u8, u16, u32, u64 } from "./dsl.js";
import {
	vfio_device_attach_flags,
	vfio_device_detach_flags,
	vfio_dma_map_flags,
	vfio_dma_unmap_flags,
	vfio_info_cap_id,
	vfio_iommu_info_flags,
} from "./vfio-defines.js";

const argsz = u32;
const iova = u64.as("iova");
const pasid = u32.as("pasid").note("with the PASID flag");
const size = u64.as("len");

export const vfio_device_bind_iommufd = struct(
	"vfio_device_bind_iommufd",
	{
		argsz,
		flags: u32.note("1 << 0: token_uuid_ptr is given"),
		iommufd: s32.as("fd").note("the open /dev/iommu"),
		out_devid: id.note("the device's ID in that context"),
		token_uuid_ptr: ptr.note("16 bytes: the token of a virtual function"),
	},
	"put a VFIO device into an iommufd context",
);

export const vfio_device_attach_iommufd_pt = struct(
	"vfio_device_attach_iommufd_pt",
	{
		argsz,
		flags: u32.of(vfio_device_attach_flags).note("PASID: only that PASID of the device"),
		pt_id: id.inout().note("an IOAS or page table; comes back as the page table"),
		pasid,
	},
	"attach a VFIO device to an IOAS or page table, or replace what it is attached to",
);

export const vfio_device_detach_iommufd_pt = struct(
	"vfio_device_detach_iommufd_pt",
	{ argsz, flags: u32.of(vfio_device_detach_flags).note("PASID: only that PASID of the device"), pasid },
	"detach a VFIO device",
);

export const vfio_device_info = struct(
	"vfio_device_info",
	{
		argsz: argsz.inout(),
		flags: u32.out().note("what the device can do"),
		num_regions: u32.out().note("number of regions"),
		num_irqs: u32.out().note("number of interrupt indexes"),
		cap_offset: u32.out().note("where the chain of capabilities starts; 0: none"),
		pad: u32,
	},
	"what a VFIO device has",
);

export const vfio_iommu_type1_info = struct(
	"vfio_iommu_type1_info",
	{
		argsz: argsz.inout(),
		flags: u32.of(vfio_iommu_info_flags).out().note("which of the fields are valid"),
		iova_pgsizes: u64.out().note("a bitmap of the page sizes"),
		cap_offset: u32.out().note("where the chain of capabilities starts; 0: none"),
		pad: u32,
	},
	"what the container's IOMMU can do",
);

export const vfio_info_cap_header = struct(
	"vfio_info_cap_header",
	{
		id: u16.of(vfio_info_cap_id).note("which capability"),
		version: u16.note("version of its layout"),
		next: u32.note("where the next one is, from the start of the info; 0: last"),
	},
	"precedes each capability of a chain",
	{ dir: "out" },
);

export const vfio_iova_range = struct(
	"vfio_iova_range",
	{ start: iova.note("first IOVA"), end: iova.note("last IOVA, included") },
	"a range of IOVAs, both ends included",
	{ dir: "out" },
);

export const vfio_iommu_type1_info_cap_iova_range = struct(
	"vfio_iommu_type1_info_cap_iova_range",
	{
		header: vfio_info_cap_header,
		nr_iovas: u32.note("number of ranges"),
		reserved: u32,
		iova_ranges: array(vfio_iova_range, 0, "the ranges"),
	},
	"capability: the ranges that can be mapped",
	{ dir: "out" },
);

export const vfio_iommu_type1_info_dma_avail = struct(
	"vfio_iommu_type1_info_dma_avail",
	{ header: vfio_info_cap_header, avail: u32.note("mappings that may still be made") },
	"capability: how many mappings are left",
	{ dir: "out" },
);

export const vfio_iommu_type1_dma_map = struct(
	"vfio_iommu_type1_dma_map",
	{
		argsz,
		flags: u32.of(vfio_dma_map_flags).note("what devices may do"),
		vaddr: ptr.note("the memory to map"),
		iova: iova.note("where"),
		size: size.note("bytes"),
	},
	"map memory of the process at an IOVA",
);

export const vfio_iommu_type1_dma_unmap = struct(
	"vfio_iommu_type1_dma_unmap",
	{
		argsz,
		flags: u32.of(vfio_dma_unmap_flags).note("ALL unmaps everything (iova and size 0)"),
		iova: iova.note("first IOVA of the range"),
		size: size.inout().note("bytes; comes back as the bytes unmapped"),
		data: array(u8, 0, "the bitmap to fill, with GET_DIRTY_BITMAP"),
	},
	"unmap a range",
);

export const vfio_region_info = struct(
	"vfio_region_info",
	{
		argsz: argsz.inout(),
		flags: u32.out().note("what can be done with it"),
		index: u32.note("which region"),
		cap_offset: u32.out().note("where the chain of capabilities starts; 0: none"),
		size: size.out().note("bytes"),
		offset: u64.out().note("where it is in the device's file"),
	},
	"a region of a VFIO device",
);

export const vfio_irq_info = struct(
	"vfio_irq_info",
	{
		argsz: argsz.inout(),
		flags: u32.out().note("what can be done with it"),
		index: u32.note("which index"),
		count: u32.out().note("interrupts of that index"),
	},
	"an interrupt index of a VFIO device",
);

export const vfio_device_feature = struct(
	"vfio_device_feature",
	{ argsz, flags: u32.note("bits 15:0 the feature, 16 get, 17 set, 18 probe"), data: array(u8, 0, "the feature's own data") },
	"probe, get or set a feature of a VFIO device",
);
