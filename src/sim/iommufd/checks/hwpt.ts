/** The checks of the calls on page tables. */
import { EFAULT, EINVAL, ENOENT, EOPNOTSUPP, EOVERFLOW } from "../../../kernel/errno.js";
import { domainChecks } from "../../iova/checks.js";
import { olderChecks } from "../../uapi/checks.js";
import { check, checks, hook } from "../../why/check.js";
import { respondChecks } from "./dispatch.js";
import { dataMissing, noDevice, noMemory, noPageTable } from "./objects.js";

const ALLOC = "uAPI: iommu_hwpt_alloc";

/** A new page table for an IOAS, by HWPT_ALLOC or by attaching a device to the IOAS. */
export const newTableChecks = checks(ALLOC, {
	pagingMemory: noMemory,
	driver: hook("allocPaging"),
	space: domainChecks,
});

/** HWPT_ALLOC of a page table for an IOAS. */
export const pagingChecks = checks(ALLOC, {
	pagingFlags: check(
		EOPNOTSUPP,
		"flags is {flags:x}, with unknown bits {unknown:x}",
		"flags may have NEST_PARENT, DIRTY_TRACKING, FAULT_ID_VALID and PASID",
	),
	dirtyUnsupported: check(
		EOPNOTSUPP,
		"flags has DIRTY_TRACKING, and {iommu} cannot track what {device} writes",
		"GET_HW_INFO must report DIRTY_TRACKING for the device",
	),
	faultPaging: check(EOPNOTSUPP, "flags has FAULT_ID_VALID", "before Linux 6.14 only nested page tables can have a fault queue", {
		source: "docs/releases.md",
	}),
	faultNest: check(EOPNOTSUPP, "flags has FAULT_ID_VALID and NEST_PARENT", "a nesting parent cannot have a fault queue"),
	table: newTableChecks,
});

/** A page table of the guest on a nesting parent. */
export const nestedChecks = checks(ALLOC, {
	nestedFlags: check(
		EOPNOTSUPP,
		"flags is {flags:x}, with bits {unknown:x}",
		"flags of a nested page table may have FAULT_ID_VALID and PASID",
	),
	nestedData: check(EOPNOTSUPP, "data_len is 0", "a nested page table needs the driver's data"),
	olderFlags: olderChecks,
	nestedUnsupported: check(
		EOPNOTSUPP,
		"the driver of {iommu} has no nested page tables without a vIOMMU",
		"pt_id must be a vIOMMU, or an IOAS, with this IOMMU",
	),
	parentAutomatic: check(
		EINVAL,
		"{table} was allocated by attaching a device to its IOAS",
		"the parent must come from IOMMU_HWPT_ALLOC with NEST_PARENT",
	),
	parentNotNesting: check(EINVAL, "{table} was allocated without NEST_PARENT", "the parent must have been allocated with NEST_PARENT"),
	parentOtherDriver: check(
		EINVAL,
		"{table} is one of {table_iommu}, and {device} is behind {iommu}",
		"the parent and the device must be of the same driver",
	),
	olderTypes: olderChecks,
	nestedMemory: noMemory,
	driver: hook("allocNested"),
});

/** A page table of the guest in a vIOMMU. */
export const inViommuChecks = checks(ALLOC, {
	viommuOther: check(
		EINVAL,
		"viommu {viommu} is on {viommu_iommu}, and {device} is behind {iommu}",
		"the vIOMMU and the device must be of the same IOMMU",
	),
	inViommuFlags: check(
		EOPNOTSUPP,
		"flags is {flags:x}, with bits {unknown:x}",
		"flags of a nested page table may have FAULT_ID_VALID and PASID",
	),
	inViommuData: check(EOPNOTSUPP, "data_len is 0", "a nested page table needs the driver's data"),
	older: olderChecks,
	inViommuUnsupported: check(
		EOPNOTSUPP,
		"vIOMMUs of {iommu} have no nested page tables",
		"the vIOMMU must be of a type that has nested page tables",
	),
	inViommuMemory: noMemory,
	driver: hook("viommuAllocNested"),
});

export const hwptAllocChecks = checks(ALLOC, {
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	dataMissing,
	noDevice,
	older: olderChecks,
	paging: pagingChecks,
	nested: nestedChecks,
	inViommu: inViommuChecks,
	badTarget: check(
		EINVAL,
		"pt_id {id} names {found}",
		"pt_id must be the ID of an IOAS, of a page table that is filled from one (hwpt-paging), or of a vIOMMU",
	),
	noFaultQueue: check(ENOENT, "fault_id {id} names {found}", "fault_id must be the ID of a fault queue of this context"),
	respond: respondChecks,
});

const INVALIDATE = "uAPI: iommu_hwpt_invalidate";

export const hwptInvalidateChecks = checks(INVALIDATE, {
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	noEntries: check(EINVAL, "data_uptr is 0, and entry_num {count}", "data_uptr must point to entry_num entries"),
	entrySize: check(EINVAL, "entry_len is {length}", "entry_len must be between 1 and 4096"),
	tooManyEntries: check(EINVAL, "entry_num is {count}", "entry_num must be at most 524288"),
	noTarget: check(ENOENT, "hwpt_id {id} names no object", "hwpt_id must be the ID of a nested page table or a vIOMMU"),
	nested: hook("invalidate"),
	viommu: hook("viommuInvalidate"),
	cannotInvalidate: check(
		EOPNOTSUPP,
		"the driver of {iommu} cannot invalidate {object}",
		"the driver must have invalidation for this kind of object",
	),
	badTargetOlder: check(ENOENT, "hwpt_id {id} names {found}", "before Linux 6.13 an object that is not a nested page table is not found", {
		source: "docs/releases.md",
	}),
	badTarget: check(EINVAL, "hwpt_id {id} names {found}", "hwpt_id must be the ID of a nested page table or a vIOMMU"),
	respond: respondChecks,
});

export const setDirtyTrackingChecks = checks("uAPI: iommu_hwpt_set_dirty_tracking", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have ENABLE"),
	noPageTable,
	noTracking: check(
		EOPNOTSUPP,
		"{table} was allocated without DIRTY_TRACKING",
		"the page table must have been allocated with DIRTY_TRACKING",
	),
});

export const getDirtyBitmapChecks = checks("uAPI: iommu_hwpt_get_dirty_bitmap", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have NO_CLEAR"),
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	noPageTable,
	lengthZero: check(EINVAL, "length is 0", "length must be at least 1"),
	end: check(EOVERFLOW, "{length} bytes from iova {iova} end beyond 2^64", "the range must end below 2^64"),
	alignment: check(
		EINVAL,
		"iova {iova} or length {length} is not a multiple of {alignment}",
		"iova and length must be multiples of the IOAS's alignment (IOAS_IOVA_RANGES tells it)",
	),
	pageSizeZero: check(EINVAL, "page_size is 0", "page_size must be at least 1: it is what one bit of the bitmap stands for"),
	pageSizeAlignment: check(
		EINVAL,
		"iova {iova} or length {length} is not a multiple of page_size {size}",
		"iova and length must be multiples of page_size",
	),
	noTracking: check(
		EOPNOTSUPP,
		"{table} was allocated without DIRTY_TRACKING",
		"the page table must have been allocated with DIRTY_TRACKING",
	),
	driver: hook("readDirty"),
});

export const getHwInfoChecks = checks("uAPI: iommu_hw_info", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have INPUT_TYPE"),
	reservedBytes: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved bytes must be 0"),
	noDevice,
	driver: hook("hwInfo"),
	dataNotWritable: check(
		EFAULT,
		"{length} bytes at {addr}, in the buffer at data_uptr, cannot be written: {fault}",
		"data_uptr must point to data_len bytes that can be written",
	),
	respond: respondChecks,
});
