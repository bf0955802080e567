/** The checks of VFIO_DEVICE_FEATURE. */
import { EFAULT, EINVAL, ENODEV, ENOTTY } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";
import { argReadChecks, UNREADABLE } from "./args.js";
import { eventfdArgChecks } from "./interrupts.js";

export const vfTokenChecks = checks("uAPI: VFIO_DEVICE_FEATURE_PCI_VF_TOKEN", {
	uuidUnreadable: check(EFAULT, "the 16 bytes at {addr} cannot be read: {fault}", "the argument must reach to the end of the UUID"),
	vfsOpen: check(EINVAL, "virtual functions of {device} are open", "the token can only be set while no virtual function is open"),
});

export const lowPowerChecks = checks("uAPI: VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY", {
	wakeupUnreadable: check(EFAULT, UNREADABLE, "the argument must reach to the end of the wakeup eventfd"),
	wakeupNegative: check(EINVAL, "wakeup_eventfd is {fd}", "wakeup_eventfd must be an eventfd"),
	wakeup: eventfdArgChecks,
	lowPowerAlready: check(EINVAL, "{device} has been allowed low power already", "LOW_POWER_EXIT must come first"),
});

export const dmaBufChecks = checks("uAPI: vfio_device_feature_dma_buf", {
	noRanges: check(EINVAL, "nr_ranges is 0", "nr_ranges must be at least 1"),
	dmaBufFlags: check(EINVAL, "flags is {flags:x}", "flags must be 0"),
	noBar: check(ENODEV, "region {index} of {device} is not a BAR in memory", "region_index must be that of a BAR of the device, 0 to 5"),
	tooManyRanges: check(EINVAL, "nr_ranges is {count}", "the simulated kernel takes up to 65536 ranges", { source: "simulated kernel" }),
	dmaBufUnreadable: check(EFAULT, UNREADABLE, "the argument must reach to the end of dma_ranges"),
	rangeAlignment: check(
		EINVAL,
		"dma_ranges[{index}] is offset {offset}, length {length}",
		"ranges must be multiples of the page size, and not empty",
	),
	rangeEnd: check(
		EINVAL,
		"dma_ranges[{index}]: {length} bytes from {offset} end beyond the {size} bytes of the BAR",
		"ranges must lie in a memory BAR of the device",
	),
});

export const featureChecks = checks("uAPI: vfio_device_feature", {
	read: argReadChecks,
	argsz: check(
		EINVAL,
		"argsz is {argsz}, less than the {least} bytes that this call needs",
		"argsz must be at least the size of the struct",
	),
	flags: check(EINVAL, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have a feature, GET, SET and PROBE"),
	getAndSet: check(EINVAL, "flags is {flags:x}, with GET and SET", "only a PROBE may have both GET and SET"),
	noMigration: check(EINVAL, "{device} cannot migrate", "the device must have migration to report on it", {
		source: "observed on Linux 7.3.4",
	}),
	noFeature: check(ENOTTY, "{device} has no feature {feature}", "the feature must be one that the device has"),
	noOperation: check(
		EINVAL,
		"flags is {flags:x}, and feature {feature} cannot be used that way",
		"GET or SET must be one that the feature has",
	),
	nothingAsked: check(EINVAL, "flags is {flags:x}, without GET, SET and PROBE", "flags must say what to do with the feature"),
	dataSize: check(EINVAL, "argsz is {argsz}, and feature {feature} needs {needed}", "argsz must include the feature's struct"),
	token: vfTokenChecks,
	lowPower: lowPowerChecks,
	dmaBuf: dmaBufChecks,
});
