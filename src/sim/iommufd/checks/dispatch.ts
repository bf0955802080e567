/** The checks that every command of /dev/iommu makes before and after its own. */
import { E2BIG, EBUSY, EFAULT, EINVAL, ENOENT, ENOMEM, ENOTTY } from "../../../kernel/errno.js";
import { olderChecks } from "../../uapi/checks.js";
import { check, checks } from "../../why/check.js";

const SOURCE = "include/uapi/linux/iommufd.h, General ioctl format";

/** A request that is no command. */
export const unknownCommandChecks = checks(SOURCE, {
	argumentUnreadable: check(
		EFAULT,
		"the argument {addr} cannot be read: {fault}",
		"the argument must point to a struct that starts with its size, even where the request is not a command",
	),
	unknownCommand: check(
		ENOTTY,
		"request {request:x} is not a command of /dev/iommu",
		"the request must be one that the kernel knows, with all of its 32 bits",
	),
});

export const dispatchChecks = checks(SOURCE, {
	sizeUnreadable: check(
		EFAULT,
		"the argument {addr} cannot be read: {fault}",
		"the argument must point to a struct that starts with its size",
	),
	tooNew: check(ENOTTY, "{call} came with Linux {since}, and this kernel is {release}", "the kernel must be new enough to know the call"),
	sizeTooSmall: check(
		EINVAL,
		"size is {size}, less than the {least} bytes that this call needs",
		"size must be at least that of the struct in the call's first release",
	),
	tailNotZero: check(
		E2BIG,
		"size is {size}, and beyond the {known} bytes that this kernel knows something is not zero",
		"bytes that the kernel does not know must be zero",
	),
	tailUnreadable: check(
		EFAULT,
		"the struct's {size} bytes at {addr} cannot be read: {fault}",
		"all of the struct's bytes must be readable",
	),
	structUnreadable: check(EFAULT, "the struct at {addr} cannot be read: {fault}", "all of the struct's bytes must be readable"),
	older: olderChecks,
});

/** After the struct is read, for the calls that allocate memory. */
export const memoryChecks = checks(SOURCE, {
	outOfMemory: check(ENOMEM, "allocation {number} of this kernel was made to fail", "the kernel must have memory for the call", {
		source: "fail-nth",
	}),
});

export const respondChecks = checks(SOURCE, {
	structNotWritable: check(EFAULT, "the answer cannot be written to the struct at {addr}: {fault}", "the struct must be writable"),
});

/** IOMMU_DESTROY */
export const destroyChecks = checks("uAPI: iommu_destroy", {
	noObject: check(ENOENT, "no object has the ID {id}", "id must be that of an object of this context"),
	inUse: check(EBUSY, "{object} is held by {holders}", "whatever holds the object must go first"),
});
