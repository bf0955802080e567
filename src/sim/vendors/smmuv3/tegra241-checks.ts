/** The checks of the Tegra241 CMDQV extension, and what it notes of command queues. */
import { EEXIST, EFAULT, EINVAL, EIO, ENOSPC, EOPNOTSUPP } from "../../../kernel/errno.js";
import { userDataChecks } from "../../contract/checks.js";
import { check, checks } from "../../why/check.js";

/** Taking a virtual interface. */
export const tegraVintfChecks = checks("Tegra241 CMDQV, CMDQV_PARAM.NUM_VINTF_LOG2", {
	tegraVintfs: check(
		ENOSPC,
		"all {count} virtual interfaces of {smmu} are in use",
		"every vIOMMU has a virtual interface (VINTF) of its own",
	),
});

/** Making a vIOMMU of type TEGRA241_CMDQV. */
export const tegraViommuChecks = checks("uAPI: iommu_viommu_tegra241_cmdqv", {
	tegraNoData: check(EINVAL, "no data came with the allocation", "data_uptr must point to a struct iommu_viommu_tegra241_cmdqv"),
	data: userDataChecks,
	vintf: tegraVintfChecks,
	tegraDataNotWritable: check(
		EFAULT,
		"the answer cannot be written to data_uptr {addr}: {fault}",
		"data_uptr must point to memory for the mmap offset and length",
	),
});

/** Giving a device a virtual ID in such a vIOMMU. */
export const tegraVdeviceChecks = checks("uAPI: iommu_hw_info_tegra241_cmdqv", {
	tegraVirtId: check(EINVAL, "virt_id is {id}", "virt_id must be a stream ID of 32 bits"),
	tegraVsids: check(
		ENOSPC,
		"all {count} stream IDs of the virtual interface are in use",
		"a virtual interface replaces as many stream IDs as log2vsids of GET_HW_INFO says",
	),
});

export const tegraQueueTypeChecks = checks("uAPI: iommu_hw_queue_type", {
	tegraQueueType: check(EOPNOTSUPP, "type is {type:x}", "type must be TEGRA241_CMDQV (1)"),
});

/** Making a hardware queue. */
export const tegraQueueChecks = checks("uAPI: iommu_hw_queue_type", {
	tegraQueueIndex: check(EINVAL, "index is {index}, and the virtual interface has {count} queues", "index must be below 2^log2vcmdqs", {
		source: "uAPI: iommu_hw_info_tegra241_cmdqv",
	}),
	tegraQueueTaken: check(EEXIST, "the vIOMMU has a queue with index {index} already", "each index can be used once"),
	tegraQueueOrder: check(
		EIO,
		"index is {index}, and no queue has index {previous}",
		"queues are made in ascending order from index 0, and destroyed in descending order",
	),
	tegraQueueLength: check(
		EINVAL,
		"length is {length}",
		"length must be a power of 2 from 32 to 16 * 2^IDR1.CMDQS, which GET_HW_INFO tells",
	),
	tegraQueueBase: check(
		EINVAL,
		"nesting_parent_iova {iova} leads to physical address {pa}, which is not a multiple of length {length}",
		"the queue's memory must be aligned to its length, and lie below 2^48",
	),
});

/** What happens in command queues. */
export const tegraNotes = checks("Tegra241 CMDQV, VCMDQ_GERROR; Arm IHI 0070, 7.1 Command queue errors", {
	tegraCommand: check(
		0,
		"queue {queue} of {smmu} stopped at entry {entry} ({error}): {why}",
		"a guest's queue takes TLBI_NH_ASID, TLBI_NH_VA, ATC_INV and SYNC; it goes on once GERRORN is written",
	),
});
