/** The checks that many calls make: which object an ID names, and memory for the call. */
import { EINVAL, ENOENT, ENOMEM } from "../../../kernel/errno.js";
import { check } from "../../why/check.js";

/** `found`: what the ID names, `ioas 1` or `no object` */
export const noDevice = check(ENOENT, "dev_id {id} names {found}", "dev_id must be the ID of a device of this context");
export const noViommu = check(ENOENT, "viommu_id {id} names {found}", "viommu_id must be the ID of a vIOMMU of this context");
export const noPageTable = check(
	ENOENT,
	"hwpt_id {id} names {found}",
	"hwpt_id must be the ID of a page table that is filled from an IOAS (hwpt-paging)",
);
export const noMemory = check(ENOMEM, "allocation {number} of this kernel was made to fail", "the kernel must have memory for the call", {
	source: "fail-nth",
});
export const dataMissing = check(
	EINVAL,
	"data_type is {type}, and data_len is {length}",
	"data_len must be 0 where data_type is NONE, and only there",
);
