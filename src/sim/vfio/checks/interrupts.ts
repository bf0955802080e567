/** The checks of setting up a device's interrupts. */
import { EBADF, EBUSY, EEXIST, EFAULT, EINVAL, ENODEV, ENOSPC, ENOTTY } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";
import { argReadChecks, UNREADABLE } from "./args.js";

/** A descriptor that must be an eventfd. */
export const eventfdArgChecks = checks("uAPI: vfio_irq_set", {
	noFile: check(EBADF, "fd {fd} is not open", "the descriptor must be an open eventfd"),
	notEventfd: check(EINVAL, "fd {fd} is a file of the kind {kind}", "the descriptor must be an eventfd (file eventfd makes one)"),
});

export const setIrqsChecks = checks("uAPI: vfio_irq_set", {
	read: argReadChecks,
	argsz: check(
		EINVAL,
		"argsz is {argsz}, less than the {least} bytes that this call needs",
		"argsz must be at least the size of the struct",
	),
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
	dataUnreadable: check(EFAULT, UNREADABLE, "the argument must reach to the end of the data"),
	noAction: check(
		ENOTTY,
		"flags is {flags:x}, and interrupt {index} has no such action",
		"flags must have one ACTION bit: TRIGGER, and for INTx also MASK and UNMASK, where DATA_EVENTFD goes with UNMASK",
	),
	otherKind: check(
		EINVAL,
		"index is {index}, and interrupts of index {kind} are set up",
		"only one of INTx, MSI and MSI-X can be set up: ACTION_TRIGGER with DATA_NONE and count 0 ends one",
	),
	noVectors: check(EINVAL, "count is 0", "at least one interrupt must be set up"),
	oneIntx: check(EINVAL, "count is {count}", "count must be 1: there is one interrupt of this kind"),
	notSetUp: check(
		EINVAL,
		"flags is {flags:x}, and interrupt {index} is not set up",
		"an eventfd must have been set with DATA_EVENTFD and ACTION_TRIGGER",
	),
	resamples: check(EBUSY, "fd is {fd}, and another eventfd unmasks INTx already", "descriptor -1 must remove the other one first"),
	eventfd: eventfdArgChecks,
});

export const ioeventfdChecks = checks("uAPI: vfio_device_ioeventfd", {
	read: argReadChecks,
	argsz: check(
		EINVAL,
		"argsz is {argsz}, less than the {least} bytes that this call needs",
		"argsz must be at least that of the fields up to fd",
	),
	oneSize: check(EINVAL, "flags is {flags:x}, without exactly one size", "flags must have one of the sizes 8, 16, 32 and 64 bits"),
	fdNegative: check(EINVAL, "fd is {fd}", "fd must be an eventfd, or -1 to remove one"),
	noBar: check(EINVAL, "offset {offset} is not in a BAR", "offset must be that of a BAR's region, plus the place in it"),
	inTable: check(EINVAL, "offset {offset} is in the MSI-X table", "the place must not be one of the MSI-X table"),
	thereAlready: check(EEXIST, "an eventfd writes {data} to offset {offset} already", "place, data and size must differ from every other"),
	notThere: check(ENODEV, "no eventfd writes {data} to offset {offset}", "only what was set can be removed"),
	tooMany: check(ENOSPC, "the device has {most} eventfds", "a device can have 1000"),
	eventfd: eventfdArgChecks,
});
