/** The checks of the mock IOMMU's driver. */
import { EEXIST, EFAULT, EINVAL, EIO, ENOENT, ENOMEM, EOPNOTSUPP } from "../../../kernel/errno.js";
import { entriesChecks, entryChecks, userDataChecks } from "../../contract/checks.js";
import { check, checks } from "../../why/check.js";
import type { DriverChecks } from "../vendor.js";

const HEADER = "iommufd_test.h";
const DRIVER = "observed on Linux 7.3.4";

/** The format of a kernel-managed mock table. */
export const mockFormatChecks = checks(`${HEADER}: iommu_hwpt_selftest`, {
	mockPagingType: check(EOPNOTSUPP, "data_type is {type:x}", "data_type must be NONE (0) or SELFTEST (0xdead)"),
	data: userDataChecks,
	mockPagetableType: check(EOPNOTSUPP, "pagetable_type is {type}", "pagetable_type must be DEFAULT (0) or HUGE (1)"),
});

export const mockPagingChecks = checks("uAPI: iommu_hwpt_alloc", {
	mockOldPaging: check(
		EOPNOTSUPP,
		"data came with the allocation, of type {type:x}",
		"before Linux 6.19 mock tables that the kernel manages take no data",
		{ source: "docs/releases.md" },
	),
	format: mockFormatChecks,
});

const mockNestedType = check(EOPNOTSUPP, "data_type is {type:x}", "data_type must be SELFTEST (0xdead)");

/** A nested mock table, with or without a vIOMMU. */
export const mockNestedChecks = checks(`${HEADER}: iommu_hwpt_selftest`, {
	mockParent: check(EINVAL, "the nesting parent is a page table of {iommu}", "the nesting parent must be a mock table"),
	data: userDataChecks,
});

export const mockAllocNestedChecks = checks("uAPI: iommu_hwpt_alloc", {
	mockNestedType,
	nested: mockNestedChecks,
});

export const mockViommuNestedChecks = checks("uAPI: iommu_hwpt_alloc", {
	mockNestedType,
	nested: mockNestedChecks,
});

export const mockInfoChecks = checks("uAPI: iommu_hw_info", {
	mockInfoType: check(EOPNOTSUPP, "in_data_type is {type:x}", "in_data_type must be DEFAULT (0) or SELFTEST (0xfeedbeef)"),
});

export const mockViommuChecks = checks("uAPI: iommu_viommu_alloc", {
	mockViommuType: check(EOPNOTSUPP, "type is {type:x}", "type must be SELFTEST (0xdeadbeef)"),
});

export const mockInitViommuChecks = checks(`${HEADER}: iommu_viommu_selftest`, {
	data: userDataChecks,
	mockDataNotWritable: check(
		EFAULT,
		"the answer cannot be written to data_uptr {addr}: {fault}",
		"the struct must be writable, as the driver answers in it",
	),
});

/** Attaching a device to any mock table. */
export const mockAttachChecks = checks(DRIVER, {
	mockEverySecond: check(
		ENOMEM,
		"PASID {pasid} of {device} is attached for the second time",
		"every second attach of PASID 1024 fails, so that programs can test it",
	),
});

export const mockPagingAttachChecks = checks(DRIVER, {
	mockTracksDirty: check(
		EINVAL,
		"the page table tracks dirty pages, and {device} cannot (MOCK_FLAGS_DEVICE_NO_DIRTY)",
		"the device must be able to track dirty pages",
	),
	attach: mockAttachChecks,
});

export const mockNestedAttachChecks = checks(DRIVER, {
	mockNoVdevice: check(ENOENT, "{device} has no vDEVICE in the vIOMMU of the page table", "the device must have a vDEVICE (VDEVICE_ALLOC)"),
	attach: mockAttachChecks,
});

/** An entry that invalidates IOTLB entries of a nested table. */
export const mockEntryChecks = checks(`${HEADER}: iommu_hwpt_invalidate_selftest`, {
	mockEntryFlags: check(EOPNOTSUPP, "flags of the entry is {flags:x}", "flags may have INVALIDATE_FLAG_ALL"),
	mockIotlbId: check(EINVAL, "iotlb_id is {id}", "iotlb_id must be 0 to 3"),
});

export const mockInvalidateChecks = checks("uAPI: iommu_hwpt_invalidate", {
	mockArrayType: check(EINVAL, "data_type is {type:x}", "data_type must be that of the mock tables, 0xdeadbeef"),
	entry: entryChecks,
	each: mockEntryChecks,
});

/** An entry that invalidates caches of a device through a vIOMMU. */
export const mockCommandChecks = checks(`${HEADER}: iommu_viommu_invalidate_selftest`, {
	mockCommandFlags: check(EOPNOTSUPP, "flags of the entry is {flags:x}", "flags may have INVALIDATE_FLAG_ALL"),
	mockCacheId: check(EINVAL, "cache_id is {id}", "cache_id must be 0 to 3"),
	mockCommandDevice: check(EINVAL, "vdev_id is {id:x}, and no vDEVICE has it", "vdev_id must be the virt_id of a vDEVICE of the vIOMMU"),
});

export const mockViommuInvalidateChecks = checks("uAPI: iommu_hwpt_invalidate", {
	mockCommandsType: check(EINVAL, "data_type is {type:x}", "data_type must be that of mock vIOMMUs, 0xdeadbeef"),
	entries: entriesChecks,
	each: mockCommandChecks,
});

export const mockQueueTypeChecks = checks("uAPI: iommu_hw_queue_alloc", {
	mockQueueType: check(EOPNOTSUPP, "type is {type:x}", "type must be SELFTEST (0xdeadbeef)"),
});

export const mockQueueChecks = checks("uAPI: iommu_hw_queue_alloc", {
	mockQueueIndex: check(EINVAL, "index is {index}", "index must be 0 or 1"),
	mockQueueTaken: check(
		EEXIST,
		"the vIOMMU has a queue with index {index} already",
		"no queue may have the index; index 1 stays taken after its queue is gone",
	),
	mockQueuePrevious: check(EIO, "index is {index}, and no queue has index {previous}", "a queue needs the one before it"),
});

/** Sending an event to the guest, by command (TRIGGER_VEVENT). */
export const mockReportChecks = checks(HEADER, {
	mockNoVeventq: check(EOPNOTSUPP, "the vIOMMU of {device} has no vEVENTQ of type SELFTEST", "a vEVENTQ must exist (VEVENTQ_ALLOC)"),
});

/** What the driver checks where the core asks it. */
export const mockChecks: DriverChecks = {
	allocPaging: mockPagingChecks,
	allocNested: mockAllocNestedChecks,
	attach: { paging: mockPagingAttachChecks, nested: mockNestedAttachChecks },
	hwInfo: mockInfoChecks,
	viommuSupported: mockViommuChecks,
	initViommu: mockInitViommuChecks,
	viommuAllocNested: mockViommuNestedChecks,
	invalidate: mockInvalidateChecks,
	viommuInvalidate: mockViommuInvalidateChecks,
	hwQueueSupported: mockQueueTypeChecks,
	initHwQueue: mockQueueChecks,
};
