/** What an errno means for a call: read at 2 a.m., so short, and saying what to look at. */
import * as E from "./errno.js";
import { commandMeanings, type Meanings } from "./errno-meaning-commands.js";

/** iommufd's own commands share how they are called. */
const iommufd: Meanings = {
	[E.E2BIG]: "longer than this kernel's struct, with more than zeroes: too new a struct, or a wrong size",
	[E.EFAULT]: "an address in the call, or the struct's own, can not be read or written",
	[E.EINVAL]: "the size is too small, or a field has a value that is not allowed",
	[E.EOPNOTSUPP]: "a reserved field or an unknown flag is set, or this kernel or hardware can not do it",
	[E.ENOENT]: "an ID is unknown in this context, or is of another type",
	[E.ENOMEM]: "out of memory, or over the limit for pinned memory (ulimit -l, memory cgroup)",
	[E.EOVERFLOW]: "address plus length goes beyond 2^64, or beyond what can be addressed",
};

const vfioDevice: Meanings = {
	[E.E2BIG]: "argsz is beyond this kernel's struct and the excess is not all zero, or above a page",
	[E.EFAULT]: "the struct, or what it points to, can not be read or written",
	[E.EINVAL]: "argsz is too small, a flag is unknown, or the device is not bound to an iommufd yet",
	[E.ENODEV]: "the device is gone or its driver does not take part",
	[E.ENOTTY]: "this device or its driver does not have the call",
};

const vfioContainer: Meanings = {
	[E.EFAULT]: "the struct can not be read or written, or its address does not point to memory",
	[E.EINVAL]: "argsz is too small, a flag is unknown, or a value is not allowed",
	[E.ENODEV]: "no IOAS serves VFIO calls: set one (vfio set-ioas), or attach a device that makes one",
	[E.ENOMEM]: "out of memory, or over the limit for pinned memory (ulimit -l, memory cgroup)",
	[E.EOVERFLOW]: "IOVA plus size, or address plus size, goes beyond 2^64",
};

/** Any call at all. */
const general: Meanings = {
	[E.EPERM]: "a capability is missing (run as root), or the kernel forbids it",
	[E.EACCES]: "the file's permissions, or the way it was opened, do not allow it",
	[E.EINTR]: "a signal came before the call was done: call again",
	[E.EIO]: "the hardware or its driver refused it",
	[E.EBADF]: "that file descriptor is not open",
	[E.EBADFD]: "that file is open, but it is not of the kind that is wanted here",
	[E.EAGAIN]: "nothing there yet, and the file does not wait: poll it",
	[E.ENOMEM]: "out of memory",
	[E.EFAULT]: "an address is not mapped, or may not be read or written",
	[E.EBUSY]: "something still uses it",
	[E.EEXIST]: "there is one already",
	[E.ENODEV]: "there is no such device, or it is gone",
	[E.EINVAL]: "a value is not allowed here",
	[E.EMFILE]: "this process has too many files open (ulimit -n)",
	[E.ENFILE]: "the whole system has too many files open",
	[E.ENOTTY]: "this file does not know the request number (wrong file, or wrong type or direction bits)",
	[E.ENOSPC]: "no room left",
	[E.ESPIPE]: "this file can not be read or written like that",
	[E.ENOSYS]: "this kernel was built without the call",
	[E.EOPNOTSUPP]: "not supported by this kernel, driver or hardware",
	[E.ETIMEDOUT]: "the hardware did not answer in time",
	[E.EADDRINUSE]: "an address range is in the way",
};

/**
 * What an errno (the positive number) means for a call: the name of an ioctl of the uAPI (IOMMU_IOAS_MAP), of a system
 * call (read), or undefined for any call. Where nothing better is known it is what strerror says.
 */
export function meaning(call: string | undefined, errno: number): string {
	return (
		(call === undefined ? undefined : (commandMeanings[call]?.[errno] ?? familyOf(call)[errno])) ?? general[errno] ?? E.errnoText(errno)
	);
}

function familyOf(call: string): Meanings {
	if (call.startsWith("IOMMU_")) return iommufd;
	if (call.startsWith("VFIO_DEVICE_")) return vfioDevice;
	return call.startsWith("VFIO_") ? vfioContainer : {};
}
