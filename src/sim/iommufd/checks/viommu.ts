/** The checks of the calls on vIOMMUs and what belongs to them. */
import { EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, EOVERFLOW, ERANGE } from "../../../kernel/errno.js";
import { accessSpaceChecks } from "../../iova/checks.js";
import { descriptorChecks } from "../../process/checks.js";
import { check, checks, hook } from "../../why/check.js";
import { accessPinChecks } from "./access.js";
import { respondChecks } from "./dispatch.js";
import { noDevice, noViommu } from "./objects.js";

const flags = check(EOPNOTSUPP, "flags is {flags:x}", "flags must be 0");

export const viommuAllocChecks = checks("uAPI: iommu_viommu_alloc", {
	flags,
	defaultType: check(EOPNOTSUPP, "type is DEFAULT (0)", "type must be one of the IOMMU's driver"),
	noDevice,
	noViommus: check(EOPNOTSUPP, "the driver of {iommu} has no vIOMMUs", "the device must be behind an IOMMU whose driver has vIOMMUs"),
	supported: hook("viommuSupported"),
	noParent: check(ENOENT, "hwpt_id {id} names {found}", "hwpt_id must be the ID of a page table with NEST_PARENT"),
	parentNotNesting: check(EINVAL, "{table} was allocated without NEST_PARENT", "hwpt_id must be the ID of a page table with NEST_PARENT"),
	driver: hook("initViommu"),
	respond: respondChecks,
});

export const vdeviceAllocChecks = checks("uAPI: iommu_vdevice_alloc", {
	noViommu,
	noDevice,
	otherIommu: check(
		EINVAL,
		"viommu {viommu} is on {viommu_iommu}, and {device} is behind {iommu}",
		"the vIOMMU and the device must be of the same IOMMU",
	),
	deviceTaken: check(EEXIST, "{device} is vdevice {vdevice} already", "a device can have one virtual device"),
	idTaken: check(EEXIST, "virt_id {id} is that of vdevice {vdevice}", "a virtual ID can be used once in a vIOMMU"),
	driver: hook("addVdevice"),
	respond: respondChecks,
});

export const veventqAllocChecks = checks("uAPI: iommu_veventq_alloc", {
	flags,
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	defaultType: check(EOPNOTSUPP, "type is DEFAULT (0)", "type must be that of the vIOMMU's events"),
	depth: check(EINVAL, "veventq_depth is {depth}", "veventq_depth must be between 1 and 524288"),
	noViommu,
	typeTaken: check(EEXIST, "veventq {queue} takes events of type {type} already", "a vIOMMU can have one queue for each type"),
	descriptor: descriptorChecks,
	respond: respondChecks,
});

/** What becomes of an event for a guest. */
export const eventChecks = checks("uAPI: iommu_veventq_alloc", {
	noQueue: check(
		0,
		"an event of type {type} was dropped: viommu {viommu} has no event queue of the type",
		"a vIOMMU's events go to the queue of their type (VEVENTQ_ALLOC)",
	),
	queueFull: check(
		0,
		"an event was dropped: veventq {queue} holds {depth} events that were not read",
		"a queue holds veventq_depth events; a record with LOST_EVENTS stands for those that were dropped",
	),
});

/** Pinning a hardware queue's memory. */
export const queueMemoryChecks = checks("uAPI: iommu_hw_queue_alloc", {
	queueRange: check(ERANGE, "{pages} pages from iova {iova} end beyond 2^64", "the queue's pages must end below 2^64"),
	queuePages: check(ENOMEM, "the queue has {pages} pages", "the kernel must have memory for a list of the queue's pages"),
	attach: accessSpaceChecks,
	pin: accessPinChecks,
	notContiguous: check(
		EFAULT,
		"the queue has {pages} pages, which are not adjacent in physical memory",
		"a queue must be contiguous in physical memory",
	),
});

export const hwQueueAllocChecks = checks("uAPI: iommu_hw_queue_alloc", {
	flags,
	defaultType: check(EOPNOTSUPP, "type is DEFAULT (0)", "type must be one of the vIOMMU's"),
	lengthZero: check(EINVAL, "length is 0", "length must be at least 1"),
	end: check(EOVERFLOW, "{length} bytes from nesting_parent_iova {iova} end beyond 2^64", "the range must end below 2^64"),
	noViommu,
	noHwQueues: check(EOPNOTSUPP, "viommu {viommu} has no hardware queues", "the vIOMMU's driver must have hardware queues"),
	supported: hook("hwQueueSupported"),
	memory: queueMemoryChecks,
	driver: hook("initHwQueue"),
	respond: respondChecks,
});
