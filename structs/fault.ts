/** Page faults and the responses to them. */
import { reserved } from "./common.js";
import { id, struct, u32, u64 } from "./dsl.js";
import { enumSet, flagSet } from "./sets.js";

export const iommu_hwpt_pgfault_flags = flagSet(
	"iommu_hwpt_pgfault_flags",
	{ IOMMU_PGFAULT_FLAGS_PASID_VALID: 1, IOMMU_PGFAULT_FLAGS_LAST_PAGE: 2 },
	"whether pasid is valid, and whether this is the last request of its group",
);

export const iommu_hwpt_pgfault_perm = flagSet(
	"iommu_hwpt_pgfault_perm",
	{ IOMMU_PGFAULT_PERM_READ: 1, IOMMU_PGFAULT_PERM_WRITE: 2, IOMMU_PGFAULT_PERM_EXEC: 4, IOMMU_PGFAULT_PERM_PRIV: 8 },
	"the access that the device wants",
);

export const iommufd_page_response_code = enumSet(
	"iommufd_page_response_code",
	{ IOMMUFD_PAGE_RESP_SUCCESS: 0, IOMMUFD_PAGE_RESP_INVALID: 1 },
	"whether the device should try again, or give up",
);

export const iommu_hwpt_pgfault = struct(
	"iommu_hwpt_pgfault",
	{
		flags: u32.of(iommu_hwpt_pgfault_flags).note("PASID_VALID, LAST_PAGE"),
		dev_id: id.note("the device that faulted"),
		pasid: u32.as("pasid").note("with PASID_VALID"),
		grpid: u32.note("the device's number for the group of requests"),
		perm: u32.of(iommu_hwpt_pgfault_perm).note("the access wanted"),
		__reserved: reserved,
		addr: u64.as("iova").note("the address that faulted"),
		length: u32.as("len").note("a hint of how many bytes are wanted; 0: unknown"),
		cookie: u32.note("identifies the group in the response"),
	},
	"a page fault, as read from a fault queue's file",
	{ dir: "out" },
);

export const iommu_hwpt_page_response = struct(
	"iommu_hwpt_page_response",
	{ cookie: u32.note("the cookie of the fault's group"), code: u32.of(iommufd_page_response_code).note("SUCCESS or INVALID") },
	"the answer to a group of page faults, as written to a fault queue's file",
);
