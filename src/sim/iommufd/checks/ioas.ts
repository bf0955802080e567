/** The checks of the calls on IOASes. */
import { EBADF, EFAULT, EINVAL, EMSGSIZE, ENODEV, ENOENT, EOPNOTSUPP, EOVERFLOW } from "../../../kernel/errno.js";
import { allowChecks, mapChecks, piecesChecks, pinChecks, unmapChecks } from "../../iova/checks.js";
import { check, checks } from "../../why/check.js";
import { respondChecks } from "./dispatch.js";

const noIoas = check(ENOENT, "no IOAS has the ID {id}", "ioas_id must be the ID of an IOAS of this context");

export const ioasAllocChecks = checks("uAPI: iommu_ioas_alloc", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}", "flags must be 0"),
});

export const iovaRangesChecks = checks("uAPI: iommu_ioas_iova_ranges", {
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	noIoas,
	ranges: check(EFAULT, "range {index} of allowed_iovas cannot be written: {fault}", "allowed_iovas must have room for num_iovas ranges"),
	respond: respondChecks,
	tooShort: check(
		EMSGSIZE,
		"there are {ranges} ranges, and num_iovas is {room}",
		"num_iovas must be at least the number of ranges, which is written back",
	),
});

export const allowIovasChecks = checks("uAPI: iommu_ioas_allow_iovas", {
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	noIoas,
	ranges: check(EFAULT, "range {index} of allowed_iovas cannot be read: {fault}", "allowed_iovas must point to num_iovas ranges"),
	badRange: check(
		EINVAL,
		"range {index}, {start}-{last}, is empty or overlaps an earlier one",
		"a range's start must be below its last, and ranges must not overlap",
	),
	space: allowChecks,
});

/** The memory of a MAP call. */
export const pieceChecks = checks("uAPI: iommu_ioas_map", {
	lengthZero: check(EINVAL, "length is 0", "length must be at least 1"),
	addressEnd: check(EOVERFLOW, "{length} bytes from {address} end beyond 2^64", "the memory must end below 2^64"),
	tooLong: check(EINVAL, "length is {length}", "length must be at most 2^64-4097"),
});

export const mapFileChecks = checks("uAPI: iommu_ioas_map_file", {
	fileLengthZero: check(EINVAL, "length is 0", "length must be at least 1"),
	fileEnd: check(EOVERFLOW, "{length} bytes from start {start} end beyond 2^64", "the range of the file must end below 2^64"),
	noFile: check(EBADF, "fd {fd} is not open", "fd must be an open file"),
	revoked: check(ENODEV, "the DMA-buf of fd {fd} was revoked", "the exporter must not have revoked the DMA-buf"),
	dmabufRanges: check(EOPNOTSUPP, "the DMA-buf has {ranges} ranges", "the DMA-buf must be one range of a BAR", { since: "6.19" }),
	dmabufEnd: check(EINVAL, "{length} bytes from start {start} end beyond the DMA-buf's {size}", "the range must lie in the DMA-buf"),
});

/** What MAP and MAP_FILE share. */
export const mapOriginChecks = checks("uAPI: iommu_ioas_map", {
	overflow: check(EOVERFLOW, "iova is {iova} and length {length}", "neither may be 2^64-1"),
	noAccess: check(EINVAL, "flags is {flags:x}: neither READABLE nor WRITEABLE", "a mapping must be readable or writable"),
	noIoas,
});

export const ioasMapChecks = checks("uAPI: iommu_ioas_map", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have FIXED_IOVA, WRITEABLE and READABLE"),
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	origin: mapOriginChecks,
	memory: pieceChecks,
	map: mapChecks,
});

export const ioasMapFileChecks = checks("uAPI: iommu_ioas_map_file", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have FIXED_IOVA, WRITEABLE and READABLE"),
	origin: mapOriginChecks,
	file: mapFileChecks,
	memory: pieceChecks,
	map: mapChecks,
});

export const ioasCopyChecks = checks("uAPI: iommu_ioas_copy", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have FIXED_IOVA, WRITEABLE and READABLE"),
	overflow: check(EOVERFLOW, "dst_iova is {dst}, src_iova {src} and length {length}", "none of them may be 2^64-1"),
	noAccess: check(EINVAL, "flags is {flags:x}: neither READABLE nor WRITEABLE", "a mapping must be readable or writable"),
	noSource: check(ENOENT, "no IOAS has the ID {id}", "src_ioas_id must be the ID of an IOAS of this context"),
	source: piecesChecks,
	noTarget: check(ENOENT, "no IOAS has the ID {id}", "dst_ioas_id must be the ID of an IOAS of this context"),
	map: mapChecks,
});

export const ioasUnmapChecks = checks("uAPI: iommu_ioas_unmap", {
	noIoas,
	overflow: check(
		EOVERFLOW,
		"iova is {iova} and length {length}",
		"neither may be 2^64-1, unless iova is 0 and length 2^64-1, which means everything",
	),
	lengthZero: check(EINVAL, "length is 0", "length must be at least 1"),
	end: check(EOVERFLOW, "{length} bytes from iova {iova} end beyond 2^64", "the range must end below 2^64"),
	space: unmapChecks,
	nothingMapped: check(ENOENT, "nothing is mapped in {iova}-{last}", "the range must contain at least one area"),
});

export const changeProcessChecks = checks("uAPI: iommu_ioas_change_process", {
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	notFile: check(EINVAL, "the area at iova {iova} of IOAS {id} maps {what}", "all areas of all IOASes must have come from IOAS_MAP_FILE"),
	lockLimit: pinChecks.lockLimit,
});

export const noiommuGetPaChecks = checks("uAPI: iommu_ioas_noiommu_get_pa", {
	flags: check(EOPNOTSUPP, "flags is {flags:x} and __reserved {reserved:x}", "both must be 0"),
	lengthZero: check(EINVAL, "length is 0", "length must be at least 1"),
	overflow: check(EOVERFLOW, "iova is {iova}", "iova must not be 2^64-1"),
	noIoas,
	nothingMapped: check(ENOENT, "nothing is mapped at iova {iova}", "iova must be mapped"),
	translated: check(EOPNOTSUPP, "no device without an IOMMU is attached to IOAS {id}", "a no-IOMMU device must be attached to the IOAS"),
	notPinned: check(EFAULT, "the page at iova {iova} is not pinned", "the page must be pinned"),
});
