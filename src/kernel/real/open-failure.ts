/** Why a device file could not be opened, and what to do: for `/dev/iommu` and `/dev/vfio/...`. */
import * as errno from "../errno.js";

export interface OpenFailure {
	/** what is wrong, one line */
	readonly message: string;
	/** what to do, one line */
	readonly hint: string;
}

const orSimulate = "or use --kernel sim";

/** `number` is the errno, positive. */
export function explainOpenFailure(path: string, number: number): OpenFailure {
	const vfio = path.startsWith("/dev/vfio");
	const message = `${path} cannot be opened: ${reason(path, number, vfio)} (${errno.errnoName(number)})`;
	return { message, hint: `${remedy(path, number, vfio)}, ${orSimulate}` };
}

function reason(path: string, number: number, vfio: boolean): string {
	switch (number) {
		case errno.ENOENT:
			return "there is no such file";
		case errno.EACCES:
			return "permission denied";
		case errno.EPERM:
			return "the kernel forbids it";
		case errno.ENODEV:
		case errno.ENXIO:
			return "the file exists, but no driver is behind it";
		case errno.EMFILE:
			return "this process has too many files open";
		case errno.ENFILE:
			return "the system has too many files open";
		case errno.EBUSY:
			return vfio ? "another process uses the device or its group" : "it is in use";
		case errno.ENOMEM:
			return "the kernel is out of memory";
		case errno.EISDIR:
		case errno.ENOTDIR:
		case errno.ELOOP:
			return `${path} is not a device file`;
		default:
			return errno.errnoText(number);
	}
}

function remedy(path: string, number: number, vfio: boolean): string {
	switch (number) {
		case errno.ENOENT:
			return vfio
				? "bind the device to vfio-pci (a kernel with CONFIG_VFIO_DEVICE_CDEV then makes the file) and look in /dev/vfio/devices"
				: "load the driver (modprobe iommufd); it needs Linux 6.2 or later built with CONFIG_IOMMUFD";
		case errno.EACCES:
			return `run as root, or give yourself access (ls -l ${path}; chgrp or setfacl, or a udev rule to make it permanent)`;
		case errno.EPERM:
			return vfio
				? "run as root; a device can only be passed on if the host uses no other device of its IOMMU group"
				: "run as root, and in a container pass the device in (--device /dev/iommu) with a device cgroup that allows it";
		case errno.ENODEV:
		case errno.ENXIO:
			return vfio
				? "bind the device to vfio-pci again, or delete the stale file"
				: "load the driver (modprobe iommufd), or delete the stale file";
		case errno.EMFILE:
			return "close some, or raise the limit (ulimit -n)";
		case errno.ENFILE:
			return "raise fs.file-max (sysctl), or find out which process leaks files";
		case errno.EBUSY:
			return `find out which process has it open (fuser -v ${path})`;
		case errno.ENOMEM:
			return "free some memory, or check the limits of the container (memory cgroup)";
		case errno.EISDIR:
		case errno.ENOTDIR:
		case errno.ELOOP:
			return "give the path of the device itself, such as /dev/iommu";
		default:
			return `try it by hand (exec 3<>${path}) and look at dmesg`;
	}
}
