/** Whether a file that the shell gave (`--fd N`) is an open /dev/iommu. */
import { fstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { EnvironmentError } from "../environment-error.js";

const iommu = "/dev/iommu";

/** The parts of the system that are looked at; a test passes its own. Functions return undefined if there is nothing. */
export interface Files {
	/** the device number of an open character device */
	openDevice(fd: number): bigint | undefined;
	/** what an open file is, according to /proc/self/fd: a path, or `anon_inode:[eventfd]` */
	openName(fd: number): string | undefined;
	/** the device number of /dev/iommu */
	iommuDevice(): bigint | undefined;
}

/**
 * @param fd a file descriptor of the shell that started this process
 * @throws EnvironmentError unless it is an open /dev/iommu
 */
export function checkGivenFile(fd: number, files: Files = thisSystem): void {
	const name = files.openName(fd);
	const hint = `open it in the shell first: exec ${fd}<>${iommu}`;
	if (name === undefined) throw new EnvironmentError(`--fd ${fd}: file ${fd} is not open`, hint);
	// The device number decides, not the name: a container may have the file elsewhere, and a descriptor that the shell did
	// not open may be one that Node opened for itself (its epoll instance, its eventfds), which also has a name.
	const wanted = files.iommuDevice();
	if (wanted === undefined ? name === iommu : files.openDevice(fd) === wanted) return;
	throw new EnvironmentError(`--fd ${fd}: file ${fd} is ${name}, not ${iommu}`, hint);
}

const thisSystem: Files = {
	openDevice: (fd) => {
		const stat = fstatSync(fd, { bigint: true });
		return stat.isCharacterDevice() ? stat.rdev : undefined;
	},
	openName(fd) {
		try {
			return readlinkSync(`/proc/self/fd/${fd}`);
		} catch {
			return undefined;
		}
	},
	iommuDevice() {
		try {
			return deviceNumber(readFileSync("/sys/class/misc/iommu/dev", "latin1"));
		} catch {
			// There is no sysfs, or no driver.
		}
		try {
			return statSync(iommu, { bigint: true }).rdev;
		} catch {
			return undefined;
		}
	},
};

/** `10:258` as stat encodes it: the low byte of the minor number, 12 bits of the major, then the rest of each. */
export function deviceNumber(text: string): bigint | undefined {
	const match = /^(\d+):(\d+)\s*$/.exec(text);
	if (!match) return undefined;
	const [major, minor] = [BigInt(match[1]), BigInt(match[2])];
	return ((major >> 12n) << 44n) | ((minor >> 8n) << 20n) | ((major & 0xfffn) << 8n) | (minor & 0xffn);
}
