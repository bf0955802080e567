/** What an errno means for a call, in short texts that say what to check: people read them at 2 a.m. */
import * as E from "./errno.js";
import { commandMeanings, type Meanings } from "./errno-meaning-commands.js";

/** The commands of iommufd itself, which share a calling convention. */
const iommufd: Meanings = {
	[E.E2BIG]: "longer than this kernel's struct, with non-zero excess: the struct is too new, or its size is wrong",
	[E.EFAULT]: "the struct, or an address in it, cannot be read or written",
	[E.EINVAL]: "the size is too small, or a field has a value that is not allowed",
	[E.EOPNOTSUPP]: "a reserved field or an unknown flag is set, or this kernel or hardware does not support it",
	[E.ENOENT]: "an ID is unknown in this context or has the wrong type",
	[E.ENOMEM]: "out of memory, or over the limit for pinned memory (ulimit -l, memory cgroup)",
	[E.EOVERFLOW]: "address plus length goes beyond 2^64, or beyond what can be addressed",
};

const vfioDevice: Meanings = {
	[E.E2BIG]: "argsz is larger than this kernel's struct and the excess is not zero, or larger than a page",
	[E.EFAULT]: "the struct, or what it points to, cannot be read or written",
	[E.EINVAL]: "argsz is too small, a flag is unknown, or the device is not bound to an iommufd yet",
	[E.ENODEV]: "the device is gone, or its driver does not support iommufd",
	[E.ENOTTY]: "this device or its driver does not have the call",
};

const vfioContainer: Meanings = {
	[E.EFAULT]: "the struct cannot be read or written, or its address does not point to memory",
	[E.EINVAL]: "argsz is too small, a flag is unknown, or a value is not allowed",
	[E.ENODEV]: "no IOAS serves VFIO calls: set one (vfio set-ioas), or attach a device that makes one",
	[E.ENOMEM]: "out of memory, or over the limit for pinned memory (ulimit -l, memory cgroup)",
	[E.EOVERFLOW]: "IOVA plus size, or address plus size, goes beyond 2^64",
};

/** For any call. */
const general: Meanings = {
	[E.EPERM]: "a capability is missing (run as root), or the kernel forbids it",
	[E.EACCES]: "the file's permissions, or the way it was opened, do not allow it",
	[E.EINTR]: "a signal interrupted the call: call again",
	[E.EIO]: "the hardware or its driver refused it",
	[E.EBADF]: "that file descriptor is not open",
	[E.EBADFD]: "that file is open, but of the wrong kind for this call",
	[E.EAGAIN]: "nothing to read yet, and the file is non-blocking: poll it",
	[E.ENOMEM]: "out of memory",
	[E.EFAULT]: "an address is not mapped, or may not be read or written",
	[E.EBUSY]: "something still uses it",
	[E.EEXIST]: "it already exists",
	[E.ENODEV]: "there is no such device, or it is gone",
	[E.EINVAL]: "a value is not allowed here",
	[E.EMFILE]: "this process has too many files open (ulimit -n)",
	[E.ENFILE]: "the whole system has too many files open",
	[E.ENOTTY]: "this file does not know the request number (wrong file, or wrong type or direction bits)",
	[E.ENOSPC]: "no room left",
	[E.ESPIPE]: "this file cannot be read or written like that",
	[E.ENOSYS]: "this kernel was built without the call",
	[E.EOPNOTSUPP]: "not supported by this kernel, driver or hardware",
	[E.ETIMEDOUT]: "the hardware did not answer in time",
	[E.EADDRINUSE]: "an address range is in the way",
};

/**
 * What an errno (the positive number) means for a call: the name of an ioctl of the uAPI (IOMMU_IOAS_MAP), of a system
 * call (read), or undefined for any call. Without a better text, it is strerror's.
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
