/** Structs that were proposed and never became uAPI; logs, old patches and out-of-tree kernels contain them. */
// They are not part of the pinned facts.
import { noFlags, size } from "./common.js";
import { array, bit, bits, struct, u32, u64 } from "./dsl.js";
import { iommu_hwpt_vtd_s1_invalidate_flags } from "./invalidate.js";
import { derivedSet } from "./sets.js";
import { iommu_veventq_type } from "./viommu.js";

const proposal = true;

/** The bits of VT-d's fault status register that an invalidation can raise (2023 to 2024, patches v7 to v10). */
export const iommu_hwpt_vtd_s1_invalidate_error = derivedSet(
	"flags",
	"iommu_hwpt_vtd_s1_invalidate_error",
	{ IOMMU_HWPT_INVALIDATE_VTD_S1_ICE: 1, IOMMU_HWPT_INVALIDATE_VTD_S1_ITE: 2 },
	"invalidation completion error, invalidation time-out error",
);

export const iommu_hwpt_vtd_s1_invalidate_v10 = struct(
	"iommu_hwpt_vtd_s1_invalidate_v10",
	{
		addr: u64.as("iova").note("first address, 4 KiB aligned"),
		npages: u64.as("count").note("4 KiB pages; 2^64-1 with address 0 is everything"),
		flags: u32.of(iommu_hwpt_vtd_s1_invalidate_flags).note("LEAF leaves the paging-structure caches alone"),
		hw_error: u32.of(iommu_hwpt_vtd_s1_invalidate_error).out().note("what went wrong with an entry that was submitted"),
	},
	"one entry of a VT-d first-stage invalidation, with the hardware's error written back",
	{ proposal },
);

/** 24 bytes as posted: neither a depth nor a reserved word, which today's iommu_veventq_alloc has. */
export const iommu_virq_alloc = struct(
	"iommu_virq_alloc",
	{
		size,
		flags: noFlags,
		viommu_id: u32.as("id").note("the virtual IOMMU"),
		type: u32.of(iommu_veventq_type).note("which events to report"),
		out_virq_id: u32.as("id").out().note("ID of the new virtual IRQ"),
		out_virq_fd: u32.as("fd").out().note("file to read events from"),
	},
	"make a queue for a virtual IOMMU's events, by its name of 2024; today iommu_veventq_alloc",
	{ proposal },
);

export const iommu_virq_arm_smmuv3 = struct(
	"iommu_virq_arm_smmuv3",
	{ evt: array(u64, 4, "the event record, little-endian") },
	"an SMMUv3 event by its name of 2024, today iommu_vevent_arm_smmuv3",
	{ dir: "out", proposal },
);

export const iommu_page_response_code = derivedSet(
	"enum",
	"iommu_page_response_code",
	{ IOMMU_PAGE_RESP_SUCCESS: 0, IOMMU_PAGE_RESP_INVALID: 1, IOMMU_PAGE_RESP_FAILURE: 0xf },
	"the answer to a page request, by its names of 2017",
);

export const iommu_page_response_type = derivedSet(
	"enum",
	"iommu_page_response_type",
	{ IOMMU_PAGE_STREAM_RESP: 1, IOMMU_PAGE_GROUP_RESP: 2 },
	"answer a stream request or a group of requests",
);

export const page_response_msg = struct(
	"page_response_msg",
	{
		addr: u64.as("iova").note("the address of the request"),
		pasid: u32.as("pasid").note("with pasid_present"),
		$word: bits({
			resp_code: bit(4, iommu_page_response_code, "success, invalid or failure"),
			pasid_present: bit(1, undefined, "whether pasid is valid"),
			page_req_group_id: bit(9, undefined, "the device's number for the group of requests"),
		}),
		type: u32.of(iommu_page_response_type).note("stream or group"),
		private_data: u32.as("bits").note("the request's private data, given back"),
	},
	"a page response of 2017, written to the device's own file",
	{ proposal },
);
