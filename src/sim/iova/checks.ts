/** The checks of an IOVA space: placing, mapping, unmapping, and what uses it. */
import { EADDRINUSE, EBUSY, EDEADLOCK, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, ENOSPC, EOVERFLOW, EPERM } from "../../kernel/errno.js";
import { check, checks, hook } from "../why/check.js";

const MAP = "uAPI: iommu_ioas_map";

/** Choosing an IOVA where the caller names none. */
export const placeChecks = checks(MAP, {
	placeLength: check(EOVERFLOW, "a place for {length} bytes was asked for", "length must be between 1 byte and half of the IOVA space"),
	placeAlignment: check(
		EINVAL,
		"memory at {address} with length {length} allows an alignment of {possible}, and the IOAS needs {needed}",
		"the address and the length must allow the IOAS's alignment",
	),
	noRoom: check(
		ENOSPC,
		"no gap of {length} bytes with alignment {alignment} is left",
		"the allowed ranges must have a gap that is long enough",
	),
});

/** Pinning the memory behind a mapping. */
export const pinChecks = checks(MAP, {
	pinMemory: check(ENOMEM, "allocation {number} of this kernel was made to fail", "the kernel must have memory for the call", {
		source: "fail-nth",
	}),
	pinEnd: check(EOVERFLOW, "the memory ends at page {page:x}, beyond the address space", "the memory must lie in the 64-bit address space"),
	fileTooShort: check(EINVAL, "the file has no page at offset {offset}", "the file must be memory and reach to the end of the range"),
	unpinnable: check(
		EFAULT,
		"memory at {address} cannot be pinned: {fault}",
		"the memory must be mapped, and writable for a writable mapping",
	),
	lockLimit: check(
		ENOMEM,
		"{pages} more pinned pages exceed the limit of locked memory",
		"the pinned pages of the program's user must stay below its RLIMIT_MEMLOCK (ulimit -l), unless it has CAP_IPC_LOCK",
	),
	areaNoAccess: check(
		EINVAL,
		"the area at iova {iova} allows neither reads nor writes",
		"a mapping in a page table must be readable or writable",
	),
});

/** Mapping. */
export const mapChecks = checks(MAP, {
	lengthAlignment: check(
		EINVAL,
		"length {length} is not a multiple of {alignment}",
		"length must be a multiple of the IOAS's alignment (IOAS_IOVA_RANGES tells it)",
	),
	place: placeChecks,
	iovaAlignment: check(
		EINVAL,
		"iova {iova} is not a multiple of {alignment}",
		"iova must be a multiple of the IOAS's alignment (IOAS_IOVA_RANGES tells it)",
	),
	iovaEnd: check(EOVERFLOW, "{length} bytes from iova {iova} end beyond 2^64", "the range must end below 2^64"),
	iovaReserved: check(
		EINVAL,
		"iova {iova}-{last} touches the reserved range {reservedStart}-{reservedLast} ({what})",
		"the range must lie in the ranges that IOAS_IOVA_RANGES tells",
	),
	iovaMapped: check(EEXIST, "iova {iova}-{last} overlaps the mapping {areaStart}-{areaLast}", "nothing may be mapped in the range"),
	readOnlySource: check(
		EPERM,
		"a writable mapping was asked for, and the source was mapped without WRITEABLE",
		"a copy may be writable only if its source is",
	),
	addressAlignment: check(
		EINVAL,
		"the memory starts {offset} bytes into its page, not a multiple of {alignment}",
		"the address must be a multiple of the IOAS's alignment",
	),
	pieceLength: check(
		EINVAL,
		"a part of {length} bytes is not a multiple of {alignment}",
		"every part of the source must be a multiple of the IOAS's alignment",
	),
	areaMemory: check(ENOMEM, "allocation {number} of this kernel was made to fail", "the kernel must have memory for the call", {
		source: "fail-nth",
	}),
	pin: pinChecks,
	driver: hook("canMap"),
});

/** Allowed ranges. */
export const allowChecks = checks("uAPI: iommu_ioas_allow_iovas", {
	allowedReserved: check(
		EADDRINUSE,
		"the range {start}-{last} overlaps the reserved range {reservedStart}-{reservedLast} ({what})",
		"allowed ranges must lie in the ranges that IOAS_IOVA_RANGES tells",
	),
});

/** Unmapping. */
export const unmapChecks = checks("uAPI: iommu_ioas_unmap", {
	queueHolds: check(EBUSY, "the area {start}-{last} is held by {holder}", "the hardware queue must be destroyed first"),
	partOfArea: check(ENOENT, "the area {start}-{last} extends beyond {from}-{to}", "a range must contain whole areas"),
	accessHolds: check(
		EDEADLOCK,
		"an access does not release the area {start}-{last}",
		"accesses must release their pins when they are asked to",
	),
});

/** The source of a copy. */
export const piecesChecks = checks("uAPI: iommu_ioas_copy", {
	sourceLength: check(EINVAL, "length is 0", "length must be at least 1"),
	sourceEnd: check(EOVERFLOW, "{length} bytes from src_iova {iova} end beyond 2^64", "the range must end below 2^64"),
	sourceGap: check(ENOENT, "nothing is mapped at src_iova {iova}", "the source must be mapped without a gap"),
});

/** Splitting an area. */
export const splitChecks = checks("VFIO type 1: partial unmap", {
	splitClosing: check(EBUSY, "the area {start}-{last} is being unmapped", "the area must not be on its way out"),
	splitAlignment: check(
		EINVAL,
		"the area {start}-{last} cannot be split at {at}: the alignment is {alignment}",
		"the ends must be multiples of the IOAS's alignment",
	),
	splitAccess: check(EINVAL, "the area {start}-{last} cannot be split: an access holds it", "accesses must have released the area"),
	splitHuge: check(
		EINVAL,
		"the area {start}-{last} cannot be split: page tables may use huge pages",
		"VFIO_TYPE1_IOMMU (not v2) or IOMMU_OPTION_HUGE_PAGES=0 allows parts of areas to be unmapped",
	),
	pin: pinChecks,
});

/** Reserving ranges for devices and page tables. */
export const reserveChecks = checks("uAPI: iommu_ioas_iova_ranges", {
	reservedMapped: check(
		EADDRINUSE,
		"the area {start}-{last} is mapped in the range {from}-{to} ({what})",
		"no mapping may lie in what a device or page table reserves",
	),
	reservedAllowed: check(
		EADDRINUSE,
		"the allowed range {start}-{last} overlaps {from}-{to} ({what})",
		"allowed ranges must leave room for what a device or page table reserves",
	),
});

/** Attaching a page table to the space. */
export const domainChecks = checks("observed on Linux 7.3.4", {
	pageSize: check(EINVAL, "the smallest page of the page table is {size}", "the smallest page must not be larger than the kernel's"),
	domainAlignment: check(
		EADDRINUSE,
		"the area at iova {iova} does not fit the page table's smallest page, {size}",
		"all areas must be multiples of the smallest page",
	),
	reserve: reserveChecks,
	pin: pinChecks,
	driver: hook("canMap"),
});

/** Accesses that pin pages. */
export const accessSpaceChecks = checks("observed on Linux 7.3.4", {
	accessAlignment: check(
		EADDRINUSE,
		"the area at iova {iova} is not a multiple of a page",
		"an access that pins pages needs areas of whole pages",
	),
});

/** IOMMU_OPTION_HUGE_PAGES */
export const largePagesChecks = checks("uAPI: iommu_option", {
	hugeInUse: check(EINVAL, "a page table holds {areas} areas", "huge pages can be turned off only while page tables hold no areas"),
	hugeAlignment: check(EADDRINUSE, "the area at iova {iova} is not a multiple of a page", "all areas must be multiples of a page"),
});
