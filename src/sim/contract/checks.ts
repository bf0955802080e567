/** The checks that drivers share: the caller's structs and invalidation arrays, and what is attached to a group. */
import { E2BIG, EFAULT, EINVAL } from "../../kernel/errno.js";
import { check, checks, hook } from "../why/check.js";

/** A driver's struct that comes with an allocation. */
export const userDataChecks = checks("uAPI: iommu_hwpt_alloc, iommu_viommu_alloc", {
	dataOtherType: check(EINVAL, "the type of the data is {type:x}, and the driver takes {known:x}", "the type must be the driver's"),
	dataLength: check(
		EINVAL,
		"data_len is {length}, and the driver's struct has {size} bytes, of which {least} are needed",
		"data_len must be that of the driver's struct",
	),
	dataUnreadable: check(EFAULT, "the {length} bytes at data_uptr {addr} cannot be read: {fault}", "data_uptr must point to the struct"),
});

const entryUnreadable = check(EFAULT, "entry {index} at {addr} cannot be read: {fault}", "data_uptr must point to entry_num entries");

/** An entry of an invalidation array, read on its own. */
export const entryChecks = checks("uAPI: iommu_hwpt_invalidate", {
	entryLength: check(
		EINVAL,
		"entry_len is {length}, and the driver's entries have {size} bytes",
		"entry_len must be that of the driver's entry",
	),
	entryUnreadable,
});

/** All entries of an invalidation array, read at once. */
export const entriesChecks = checks("uAPI: iommu_hwpt_invalidate", {
	entriesUnreadable: check(
		EFAULT,
		"the {count} entries at data_uptr {addr} cannot be read: {fault}",
		"data_uptr must point to entry_num entries",
	),
	entryTail: check(
		E2BIG,
		"entry_len is {length}, and beyond the {size} bytes that the driver knows entry {index} is not zero",
		"bytes that the driver does not know must be zero",
	),
	entryUnreadable,
});

/** Giving a page table to a device. */
export const enterChecks = checks("observed on Linux 7.3.4", {
	otherDriver: check(
		EINVAL,
		"the page table is one of {table}, and {device} is behind {iommu}, which has another driver",
		"the page table must be one of the driver of the device's IOMMU",
	),
	driver: hook("attach"),
});

/** Page requests that are answered INVALID at once. */
export const pageRequestChecks = checks("observed on Linux 7.3.4", {
	requestRefused: check(
		0,
		"the page requests of {device}'s group {group} were answered INVALID by the IOMMU: {why}",
		"page requests must be enabled in the IOMMU's structure for the device",
		{ source: "RISC-V IOMMU Architecture Specification 1.0, 2.7 PCIe ATS Page Request handling" },
	),
	requestNotAttached: check(
		0,
		"the page requests of {device}'s group {group} were answered INVALID: nothing is attached for {requests}",
		"a page table with a fault queue must be attached for the PASID of a page request",
	),
	requestNoQueue: check(
		0,
		"the page requests of {device}'s group {group} were answered INVALID: the page table of {requests} has no fault queue",
		"page requests go to the fault queue of the page table (HWPT_ALLOC with FAULT_ID_VALID)",
	),
});
