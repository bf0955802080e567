/** The selftest driver's one call, whose `op` picks the member of its union. */
import { size } from "./common.js";
import { id, inline, ptr, s32, struct, u32, u64, union } from "./dsl.js";
import { iommu_hwpt_pgfault_perm } from "./fault.js";
import { mock_access_rw, mock_flags_access, mock_flags_access_create, mock_flags_device, iommu_test_op as op } from "./selftest-enums.js";

const iova = u64.as("iova");
/** The other access command's flag for random addresses; this one takes it too. */
const syz = { MOCK_FLAGS_ACCESS_SYZ: mock_flags_access.MOCK_FLAGS_ACCESS_SYZ };
const length = u64.as("len");
const pasid = u32.as("pasid");
const stdev = {
	out_stdev_id: id.note("ID of the new mock device"),
	out_hwpt_id: id.note("the page table it is attached to"),
	out_idev_id: id.note("its iommufd device ID"),
};

const members = {
	add_reserved: inline({ start: iova.note("first IOVA"), length }, "reserve a range of an IOAS"),
	mock_domain: inline(stdev, "make a mock device and attach it"),
	mock_domain_flags: inline(
		{ ...stdev, dev_flags: u32.of(mock_flags_device).note("what kind of device") },
		"make a mock device of a kind and attach it",
	),
	mock_domain_replace: inline({ pt_id: id.note("IOAS or page table") }, "attach a mock device elsewhere"),
	check_map: inline({ iova, length, uptr: ptr.note("the memory that must be mapped there") }, "check what a page table maps"),
	check_refs: inline(
		{ length, uptr: ptr.note("memory"), refs: u32.note("how many times its pages must be pinned") },
		"check how many times pages are pinned",
	),
	create_access: inline(
		{ out_access_fd: u32.as("fd").note("closing it destroys the access"), flags: u32.of(mock_flags_access_create) },
		"become an in-kernel user of an IOAS",
	),
	destroy_access_pages: inline({ access_pages_id: u32.note("which pinning") }, "unpin what an access pinned"),
	access_pages: inline(
		{
			flags: u32.of(mock_flags_access),
			out_access_pages_id: u32.note("identifies the pinning"),
			iova,
			length,
			uptr: ptr.note("the memory that must be mapped there"),
		},
		"pin pages of an IOAS through an access",
	),
	access_rw: inline(
		{ iova, length, uptr: ptr.note("the memory to copy from or to"), flags: u32.of(mock_access_rw, syz) },
		"copy to or from an IOAS through an access",
	),
	memory_limit: inline({ limit: u32.as("len").note("bytes that the core may use for bookkeeping at one time") }, "limit temporary memory"),
	access_replace_ioas: inline({ ioas_id: id.note("0: none") }, "move an access to another IOAS"),
	dirty: inline(
		{
			flags: u32,
			iova,
			length,
			page_size: length.note("bytes that one bit stands for"),
			uptr: ptr.note("bitmap of the pages to dirty"),
			out_nr_dirty: u64.as("count").note("pages that were clean before"),
		},
		"dirty pages as a device would",
	),
	check_iotlb: inline(
		{ id: u32.note("which IOTLB entry"), iotlb: u32.as("bits").note("what it must hold") },
		"check the mock IOTLB of a nested page table",
	),
	trigger_iopf: inline(
		{
			dev_id: id.note("the device that faults"),
			pasid: pasid.note("-1: none"),
			grpid: u32.note("group of requests"),
			perm: u32.of(iommu_hwpt_pgfault_perm),
			addr: iova,
		},
		"make a mock device fault",
	),
	check_dev_cache: inline(
		{ id: u32.note("which cache entry"), cache: u32.as("bits").note("what it must hold") },
		"check a mock device's cache",
	),
	trigger_vevent: inline({ dev_id: id.note("the device") }, "make a mock device raise an event"),
	pasid_attach: inline({ pasid, pt_id: id.note("IOAS or page table") }, "attach a PASID of a mock device"),
	pasid_replace: inline({ pasid, pt_id: id.note("IOAS or page table") }, "attach a PASID elsewhere"),
	pasid_detach: inline({ pasid }, "detach a PASID"),
	pasid_check: inline({ pasid, hwpt_id: id.note("the page table it must be attached to; 0: none") }, "check what a PASID is attached to"),
	dmabuf_get: inline(
		{ length: u32.as("len").note("bytes"), open_flags: u32.note("flags of open(2)") },
		"make a DMA buffer; the call returns its file descriptor",
	),
	dmabuf_revoke: inline(
		{ dmabuf_fd: s32.as("fd").note("the DMA buffer"), revoked: u32.note("1: revoke, 0: restore") },
		"take a DMA buffer's memory away, or give it back",
	),
};

/** Which operation reads which member. */
const when: Record<keyof typeof members, number> = {
	add_reserved: op.IOMMU_TEST_OP_ADD_RESERVED,
	mock_domain: op.IOMMU_TEST_OP_MOCK_DOMAIN,
	mock_domain_flags: op.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
	mock_domain_replace: op.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
	check_map: op.IOMMU_TEST_OP_MD_CHECK_MAP,
	check_refs: op.IOMMU_TEST_OP_MD_CHECK_REFS,
	create_access: op.IOMMU_TEST_OP_CREATE_ACCESS,
	destroy_access_pages: op.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
	access_pages: op.IOMMU_TEST_OP_ACCESS_PAGES,
	access_rw: op.IOMMU_TEST_OP_ACCESS_RW,
	memory_limit: op.IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
	access_replace_ioas: op.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
	dirty: op.IOMMU_TEST_OP_DIRTY,
	check_iotlb: op.IOMMU_TEST_OP_MD_CHECK_IOTLB,
	trigger_iopf: op.IOMMU_TEST_OP_TRIGGER_IOPF,
	check_dev_cache: op.IOMMU_TEST_OP_DEV_CHECK_CACHE,
	trigger_vevent: op.IOMMU_TEST_OP_TRIGGER_VEVENT,
	pasid_attach: op.IOMMU_TEST_OP_PASID_ATTACH,
	pasid_replace: op.IOMMU_TEST_OP_PASID_REPLACE,
	pasid_detach: op.IOMMU_TEST_OP_PASID_DETACH,
	pasid_check: op.IOMMU_TEST_OP_PASID_CHECK_HWPT,
	dmabuf_get: op.IOMMU_TEST_OP_DMABUF_GET,
	dmabuf_revoke: op.IOMMU_TEST_OP_DMABUF_REVOKE,
};

export const iommu_test_cmd = struct(
	"iommu_test_cmd",
	{
		size,
		op: u32.of(op).note("which test command"),
		id: id.note("the object the command acts on"),
		__reserved: u32,
		$op: union(members, { by: "op", when }),
		last: u32.note("only marks the end of the oldest form of the struct"),
	},
	"a command of the selftest driver",
);
