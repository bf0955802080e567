/** The checks of the calls of a device's file. */
import { EBADF, EFAULT, EINVAL, ENODEV, ENOSPC, ENOTTY } from "../../../kernel/errno.js";
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
