/** I/O address spaces: what is mapped where. */
import { noFlags, reserved, size } from "./common.js";
import { id, ptr, s32, struct, u32, u64 } from "./dsl.js";
import { flagSet } from "./sets.js";

export const iommufd_ioas_map_flags = flagSet(
	"iommufd_ioas_map_flags",
	{ IOMMU_IOAS_MAP_FIXED_IOVA: 1, IOMMU_IOAS_MAP_WRITEABLE: 2, IOMMU_IOAS_MAP_READABLE: 4 },
	"how to map: at the given IOVA, for devices to write, for devices to read",
);

const iova = u64.as("iova");
const length = u64.as("len");
const mapFlags = u32
	.of(iommufd_ioas_map_flags)
	.note("FIXED_IOVA maps at iova, else the kernel picks one; READABLE and WRITEABLE say what devices may do");

export const iommu_ioas_alloc = struct(
	"iommu_ioas_alloc",
	{ size, flags: noFlags, out_ioas_id: id.note("ID of the new IOAS") },
	"make an empty I/O address space",
);

export const iommu_iova_range = struct(
	"iommu_iova_range",
	{ start: iova.note("first IOVA"), last: iova.note("last IOVA, included") },
	"a range of IOVAs, both ends included",
);

export const iommu_ioas_iova_ranges = struct(
	"iommu_ioas_iova_ranges",
	{
		size,
		ioas_id: id.note("the IOAS"),
		num_iovas: u32.inout().note("room in the array; comes back as the number of ranges"),
		__reserved: reserved,
		allowed_iovas: ptr.note("array of iommu_iova_range to fill"),
		out_iova_alignment: u64.note("what every IOVA and length must be a multiple of"),
	},
	"list the ranges that can be mapped; EMSGSIZE if the array is too short",
);

export const iommu_ioas_allow_iovas = struct(
	"iommu_ioas_allow_iovas",
	{
		size,
		ioas_id: id.note("the IOAS"),
		num_iovas: u32.note("number of ranges in the array"),
		__reserved: reserved,
		allowed_iovas: ptr.note("array of iommu_iova_range"),
	},
	"replace the list of ranges that the kernel picks IOVAs from and keeps usable",
);

export const iommu_ioas_map = struct(
	"iommu_ioas_map",
	{
		size,
		flags: mapFlags,
		ioas_id: id.note("the IOAS"),
		__reserved: reserved,
		user_va: ptr.note("the memory to map"),
		length: length.note("bytes to map"),
		iova: iova.inout().note("the IOVA to map at, with FIXED_IOVA; comes back as the IOVA used"),
	},
	"map memory of the process into an IOAS",
);

export const iommu_ioas_map_file = struct(
	"iommu_ioas_map_file",
	{
		size,
		flags: mapFlags,
		ioas_id: id.note("the IOAS"),
		fd: s32.as("fd").note("the memory file (memfd, or a DMA buffer)"),
		start: u64.as("len").note("offset in the file, in bytes"),
		length: length.note("bytes to map"),
		iova: iova.inout().note("the IOVA to map at, with FIXED_IOVA; comes back as the IOVA used"),
	},
	"map part of a memory file into an IOAS",
);

export const iommu_ioas_copy = struct(
	"iommu_ioas_copy",
	{
		size,
		flags: mapFlags,
		dst_ioas_id: id.note("the IOAS to map into"),
		src_ioas_id: id.note("the IOAS whose mappings to share"),
		length: length.note("bytes to copy"),
		dst_iova: iova.inout().note("the IOVA in the destination, with FIXED_IOVA; comes back as the IOVA used"),
		src_iova: iova.note("the IOVA in the source"),
	},
	"map what another IOAS maps, sharing its pinned pages",
);

export const iommu_ioas_unmap = struct(
	"iommu_ioas_unmap",
	{
		size,
		ioas_id: id.note("the IOAS"),
		iova: iova.note("first IOVA of the range"),
		length: length.inout().note("bytes; comes back as the bytes unmapped"),
	},
	"unmap every area inside a range; 0 to 2^64-1 unmaps all",
);

export const iommu_ioas_noiommu_get_pa = struct(
	"iommu_ioas_noiommu_get_pa",
	{
		size,
		flags: noFlags,
		ioas_id: id.note("the IOAS"),
		__reserved: reserved,
		iova: iova.note("a mapped IOVA"),
		length: length.inout().note("how many bytes from there are contiguous in physical memory"),
		out_phys: u64.note("the physical address behind it"),
	},
	"ask for the physical address behind an IOVA, for devices that no IOMMU translates",
);
