/** The checks of a device's own calls, and of reading and writing its regions. */
import { EBADF, EFAULT, EINVAL, EIO, ENODEV, ENOSPC, ENOTTY } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";
import { argReadChecks, argWriteChecks, UNREADABLE } from "./args.js";

const ARGSZ = "argsz is {argsz}, less than the {least} bytes that this call needs";
const ARGSZ_RULE = "argsz must be at least the size of the struct";

export const deviceInfoChecks = checks("uAPI: vfio_device_info", {
	read: argReadChecks,
	argsz: check(EINVAL, ARGSZ, "argsz must be at least that of the fields up to num_irqs"),
	write: argWriteChecks,
});

export const regionInfoChecks = checks("uAPI: vfio_region_info", {
	read: argReadChecks,
	argsz: check(EINVAL, ARGSZ, ARGSZ_RULE),
	noRegion: check(
		EINVAL,
		"index is {index}, and the last region is {last}",
		"index must be that of a region: VFIO_DEVICE_GET_INFO tells their number",
	),
	write: argWriteChecks,
});

export const irqInfoChecks = checks("uAPI: vfio_irq_info", {
	read: argReadChecks,
	argsz: check(EINVAL, ARGSZ, ARGSZ_RULE),
	noIrq: check(EINVAL, "index is {index}, and the last kind of interrupt is {last}", "index must be that of a kind of interrupt"),
	write: argWriteChecks,
});

export const setIrqsChecks = checks("uAPI: vfio_irq_set", {
	read: argReadChecks,
	argsz: check(EINVAL, ARGSZ, ARGSZ_RULE),
	noIrq: check(EINVAL, "index is {index}, and the last kind of interrupt is 4", "index must be that of a kind of interrupt"),
	flags: check(EINVAL, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have one DATA and one ACTION bit"),
	countEnd: check(EINVAL, "{count} interrupts from {start} end beyond 2^32-2", "the range must fit into 32 bits"),
	range: check(
		EINVAL,
		"start is {start} and count {count}, and the device has {known} interrupts of index {index}",
		"the range must lie in what VFIO_DEVICE_GET_IRQ_INFO tells",
	),
	dataType: check(EINVAL, "flags is {flags:x}, without exactly one DATA bit", "flags must have DATA_NONE, DATA_BOOL or DATA_EVENTFD"),
	dataEnd: check(EINVAL, "argsz is {argsz}, and {count} interrupts need {needed}", "argsz must include the data of every interrupt"),
	notSetUp: check(EINVAL, "interrupt {index} is not set up", "an eventfd must have been set with DATA_EVENTFD and ACTION_TRIGGER"),
	noAction: check(
		ENOTTY,
		"flags is {flags:x}, and interrupt {index} has no such action here",
		"the action must be one of the kind of interrupt; the simulated kernel has no eventfds to trigger",
	),
});

export const ioeventfdChecks = checks("uAPI: vfio_device_ioeventfd", {
	read: argReadChecks,
	noPlace: check(EINVAL, "no region of {device} has a place for an eventfd", "the region must be a BAR in memory that is not MSI-X's", {
		source: "simulated kernel",
	}),
});

export const featureChecks = checks("uAPI: vfio_device_feature", {
	read: argReadChecks,
	argsz: check(EINVAL, ARGSZ, ARGSZ_RULE),
	noFeature: check(ENOTTY, "{device} has no feature {feature}", "the feature must be one that the device has"),
});

export const resetChecks = checks("uAPI: VFIO_DEVICE_RESET", {
	noReset: check(EINVAL, "{device} cannot be reset by itself: it has no FLR, and {bus}", "the device must have FLR, or a bus of its own"),
});

/** The devices that a reset of the bus affects. */
export const busChecks = checks("uAPI: vfio_pci_hot_reset_info", {
	rootBus: check(ENODEV, "{device} is on a root bus", "the device must be behind a bridge, whose bus can be reset"),
});

export const hotResetInfoChecks = checks("uAPI: vfio_pci_hot_reset_info", {
	read: argReadChecks,
	argsz: check(EINVAL, ARGSZ, "argsz must be at least that of argsz, flags and count"),
	bus: busChecks,
	noRoom: check(ENOSPC, "argsz is {argsz}, and {count} devices need {needed}", "argsz must have room for every device on the bus"),
	write: argWriteChecks,
});

/** The groups that are passed to a hot reset. */
export const resetGroupsChecks = checks("uAPI: vfio_pci_hot_reset", {
	groupCount: check(
		EINVAL,
		"count is {count}, and {most} devices are on the bus",
		"count must be between 1 and the number of devices on the bus",
	),
	groupsUnreadable: check(EFAULT, UNREADABLE, "the argument must reach to the end of group_fds"),
	noFile: check(EBADF, "group_fds[{index}] is {fd}, which is not open", "group_fds must be open group files"),
	notGroup: check(EINVAL, "group_fds[{index}] is {fd}, a file of the kind {kind}", "group_fds must be open group files"),
});

export const hotResetChecks = checks("uAPI: vfio_pci_hot_reset", {
	read: argReadChecks,
	argsz: check(EINVAL, ARGSZ, "argsz must be at least that of argsz, flags and count"),
	flags: check(EINVAL, "flags is {flags:x}", "flags must be 0"),
	groupsGiven: check(
		EINVAL,
		"count is {count}, and the device was not opened through a group",
		"count must be 0: the context must hold every device on the bus",
	),
	bus: busChecks,
	groups: resetGroupsChecks,
	notHeld: check(EINVAL, "the reset affects {device} too, and {who}", "every device on the bus must be held by the caller"),
	linkDown: check(ENOTTY, "the link of {device} does not come up again", "the port above must report its link after the reset", {
		source: "observed on Linux 7.3.4 with QEMU's root ports",
	}),
});

/** Reading and writing regions of a PCI function. */
export const pciRegionChecks = checks("observed on Linux 7.3.4", {
	configEnd: check(
		EFAULT,
		"{length} bytes at {at:x} end beyond the {size:x} bytes of the configuration space",
		"the range must lie in the region",
	),
	romEnd: check(EINVAL, "offset {at:x} is not in the ROM, which has {size:x} bytes", "the offset must lie in the region"),
	noRegion: check(
		EINVAL,
		"region {index} has {size:x} bytes, and the offset is {at:x}",
		"the offset must lie in a region that the device has: region << 40 plus the offset in it",
	),
	memoryOff: check(EIO, "{device} does not answer: memory accesses are off", "bit 1 of the command register must be set"),
});

/** Reading and writing regions of a mediated device. */
export const mdevRegionChecks = checks("simulated kernel", {
	regionEnd: check(
		EFAULT,
		"{length} bytes at {at:x} end beyond region {index}, which has {size:x} bytes",
		"the range must lie in a region that the device has",
	),
});
