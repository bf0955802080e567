/** The checks of the selftest driver's commands. */
import { EBADE, EBADF, EBADFD, EFAULT, EINVAL, EIO, ENOENT, ENOMEM, EOPNOTSUPP, EOVERFLOW } from "../../../kernel/errno.js";
import { accessSpaceChecks, reserveChecks } from "../../iova/checks.js";
import { descriptorChecks } from "../../process/checks.js";
import { mockReportChecks } from "../../vendors/selftest/checks.js";
import { check, checks } from "../../why/check.js";
import { accessCopyChecks, accessPinChecks } from "../checks/access.js";
import { attachDeviceChecks, claimChecks, replaceDeviceChecks } from "../checks/attach.js";
import { respondChecks } from "../checks/dispatch.js";

const HEADER = "iommufd_test.h";

const noIoas = check(ENOENT, "no IOAS has the ID {id}", "the ID must be that of an IOAS of this context");
const noSelftest = check(ENOENT, "id {id} names {found}", "id must be that of a mock device's owner (mock-domain answers it as stdev_id)");
const noMock = check(ENOENT, "the ID {id} names {found}", "the ID must be that of a mock device (mock-domain answers it as idev_id)");
const noAccess = check(EBADFD, "fd {id} is {found}", "id must be the descriptor of an access (create-access answers it)");
const noPageTable = check(ENOENT, "id {id} names {found}", "id must be the ID of a page table that is filled from an IOAS (hwpt-paging)");
const notMock = check(EINVAL, "{table} is not a mock page table", "the page table must be one of the selftest's mock IOMMU");
const lastPage = check(EOVERFLOW, "the page at {address} ends at 2^64", "the memory must end before the last page of all addresses", {
	source: "observed on Linux 7.3.4",
});
const tooLong = check(ENOMEM, "length is {length}", "length must be at most 16 MiB");

export const testChecks = checks(HEADER, {
	opTooNew: check(EOPNOTSUPP, "op is {op}, which Linux {release} does not know", "the kernel must be new enough to know the operation", {
		source: "docs/releases.md",
	}),
	unknownOp: check(EOPNOTSUPP, "op is {op}", "op must be one of enum iommu_test_op"),
});

/** Finding the access of a command. */
export const findAccessChecks = checks(HEADER, { noAccess });

/** Giving an access an IOAS. */
export const accessIoasChecks = checks(HEADER, { noIoas, space: accessSpaceChecks });

export const addReservedChecks = checks(HEADER, {
	lengthZero: check(EINVAL, "length is 0", "length must be at least 1"),
	end: check(EOVERFLOW, "{length} bytes from start {start} end beyond 2^64", "the range must end below 2^64"),
	noIoas,
	space: reserveChecks,
});

export const mockDomainChecks = checks(HEADER, {
	deviceFlags: check(EINVAL, "dev_flags is {flags:x}", "dev_flags may have NO_DIRTY, HUGE_IOVA and PASID"),
	claim: claimChecks,
	attach: attachDeviceChecks,
	respond: respondChecks,
});

export const mockReplaceChecks = checks(HEADER, {
	noSelftest,
	replace: replaceDeviceChecks,
	respond: respondChecks,
});

export const pasidAttachChecks = checks(HEADER, {
	noSelftest,
	attach: attachDeviceChecks,
	respond: respondChecks,
});

export const pasidDetachChecks = checks(HEADER, { noSelftest });

export const pasidCheckChecks = checks(HEADER, {
	noSelftest,
	somethingAttached: check(EINVAL, "a page table is attached for PASID {pasid}", "with hwpt_id 0 nothing may be attached for the PASID"),
	noTable: check(ENOENT, "hwpt_id {id} names no object", "hwpt_id must be the ID of a page table, or 0"),
	otherTable: check(EINVAL, "{table} is not attached for PASID {pasid}", "hwpt_id must be the page table that is attached for the PASID"),
});

/** What checks and changes mappings of mock page tables have in common. */
export const mockTableChecks = checks(HEADER, { noPageTable, notMock });

export const checkMapChecks = checks(HEADER, {
	table: mockTableChecks,
	alignment: check(
		EINVAL,
		"iova {iova}, length {length} or uptr {uptr} is not a multiple of {page}",
		"iova, length and uptr must be multiples of the page table's smallest page",
	),
	end: check(EINVAL, "{length} bytes from uptr {uptr} end beyond 2^64", "the memory must end below 2^64"),
	lastPage,
	unreadable: check(EFAULT, "memory at {address} is not mapped", "all of the memory must be mapped"),
	notMapped: check(EINVAL, "nothing is mapped at iova {iova}", "all of the range must be mapped"),
	otherPage: check(EINVAL, "iova {iova} does not lead to the memory at {address}", "the page table must lead to the memory at uptr"),
});

export const checkRefsChecks = checks(HEADER, {
	alignment: check(EINVAL, "length {length} or uptr {uptr} is not a multiple of 0x1000", "length and uptr must be multiples of a page"),
	end: check(EINVAL, "{length} bytes from uptr {uptr} end beyond 2^64", "the memory must end below 2^64"),
	otherCount: check(EIO, "the page at {address} is pinned {pins} times, not {refs}", "every page must be pinned refs times"),
	unreadable: check(EFAULT, "memory at {address} is not mapped", "all of the memory must be mapped"),
});

export const checkIotlbChecks = checks(HEADER, {
	noNested: check(ENOENT, "id {id} names {found}", "id must be the ID of a nested page table"),
	notMock,
	iotlbId: check(EINVAL, "check_iotlb.id is {id}", "the ID of an IOTLB entry must be at most 3"),
	otherIotlb: check(EINVAL, "IOTLB entry {id} is {value:x}, not {expected:x}", "the entry must have the value"),
});

export const createAccessChecks = checks(HEADER, {
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have NEEDS_PIN_PAGES"),
	descriptor: descriptorChecks,
	ioas: accessIoasChecks,
	respond: respondChecks,
});

export const accessReplaceChecks = { access: findAccessChecks, ioas: accessIoasChecks };

export const accessPagesChecks = checks(HEADER, {
	tooLong,
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have WRITE and SYZ"),
	access: findAccessChecks,
	cannotPin: check(
		EOPNOTSUPP,
		"access {access} was created without NEEDS_PIN_PAGES",
		"the access must have been created with NEEDS_PIN_PAGES",
	),
	pin: accessPinChecks,
	lastPage,
	noUserPage: check(EFAULT, "memory at {address} is not mapped", "all of the memory at uptr must be mapped"),
	otherPage: check(
		EBADE,
		"the page that is pinned is not that of the memory at {address}",
		"the pages must be those of the memory at uptr",
	),
	respond: respondChecks,
});

export const destroyPagesChecks = checks(HEADER, {
	access: findAccessChecks,
	noPages: check(ENOENT, "no pages are pinned with the ID {id}", "access_pages_id must be one that access-pages answered"),
});

export const accessRwChecks = checks(HEADER, {
	tooLong,
	flags: check(EOPNOTSUPP, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have WRITE, SLOW_PATH and SYZ"),
	access: findAccessChecks,
	unreadable: check(EFAULT, "the data at uptr {addr} cannot be read: {fault}", "all of the data must be readable"),
	copy: accessCopyChecks,
	notWritable: check(EFAULT, "the data cannot be written to uptr {addr}: {fault}", "all of the memory must be writable"),
});

export const memoryLimitChecks = checks(HEADER, {
	tooLittle: check(EINVAL, "limit is {limit}", "limit must be at least 12 bytes, one entry of a batch"),
});

export const markDirtyChecks = checks(HEADER, {
	missing: check(EINVAL, "page_size is {size}, length {length} and uptr {uptr}", "none of them may be 0"),
	alignment: check(
		EINVAL,
		"iova {iova} or length {length} is not a multiple of page_size {size}",
		"iova and length must be multiples of page_size",
	),
	tooManyBits: check(EOVERFLOW, "the bitmap has {bits} bits", "the bitmap must have at most 2^27 bits"),
	table: mockTableChecks,
	notTracking: check(EINVAL, "dirty tracking of {table} is not on", "dirty tracking of the page table must be on"),
	bitmap: check(EFAULT, "the bitmap's {length} bytes at uptr {uptr} are not all mapped", "the bitmap must be mapped"),
	respond: respondChecks,
});

export const triggerFaultChecks = checks(HEADER, { noMock });

export const checkCacheChecks = checks(HEADER, {
	noMock,
	cacheId: check(EINVAL, "check_dev_cache.id is {id}", "the ID of a device's cache must be at most 3"),
	otherCache: check(EINVAL, "cache {id} is {value:x}, not {expected:x}", "the cache must have the value"),
});

export const triggerEventChecks = checks(HEADER, {
	noMock,
	notNested: check(
		ENOENT,
		"{device} is not attached to a page table in a vIOMMU",
		"the device must be attached to a nested page table of a vIOMMU",
	),
	noVdevice: check(
		ENOENT,
		"{device} had no virtual device when it was attached",
		"the device must have a virtual device in the vIOMMU (VDEVICE_ALLOC)",
	),
	driver: mockReportChecks,
});

export const dmabufGetChecks = checks(HEADER, {
	dmabufLength: check(EINVAL, "length is {length}", "length must be between 1 byte and 4 MiB"),
	descriptor: descriptorChecks,
	descriptorNotTold: check(
		0,
		"the DMA-buf is fd {fd}, and the call returned 0",
		"a kernel bug: Linux 7.3 opens the file at the lowest free descriptor and does not return it; Linux 7.4 does",
		{ source: "observed on Linux 7.3.4" },
	),
});

export const dmabufRevokeChecks = checks(HEADER, {
	noFile: check(EBADF, "fd {fd} is not open", "dmabuf_fd must be an open file"),
	notDmabuf: check(EINVAL, "fd {fd} is a file of kind {kind}", "dmabuf_fd must be a DMA-buf (dmabuf-get makes one)"),
});
