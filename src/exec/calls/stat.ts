/** stat, access, readlink and their relatives: of device nodes, and of the files around them. */
import { EACCES, EFAULT, EINVAL, ENODATA } from "../../kernel/errno.js";
import type { SyscallName } from "../arch.js";
import { AT } from "../native.js";
import type { Notification } from "../notify.js";
import type { DeviceNumber } from "../overlay/device-tree.js";
import type { Served } from "../served.js";
import type { Handler, Handlers } from "./index.js";
import { absolute, int, stringAt } from "./path.js";

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const X_OK = 1;
const STATX_SIZE = 256;
/** bytes of struct stat, and where it has st_ino (64 bits) and st_rdev (64 bits) */
const STAT = { x64: { size: 144, ino: 8, rdev: 40 }, arm64: { size: 128, ino: 8, rdev: 32 } } as const;
const STATX = { ino: 32, major: 128, minor: 132 } as const;

/** Which call with which of its arguments. */
interface Shape {
	readonly dirfd?: number;
	readonly path: number;
	readonly buffer: number;
	readonly flags?: number;
	readonly mask?: number;
	/** flags where the call has none */
	readonly fixed?: number;
}

export function statCalls({ native, processes, files, tree }: Served): Handlers {
	const layout = STAT[native.arch.name as keyof typeof STAT];

	/** What a call's path names: a node, a path of ours; undefined: neither. */
	const named = (
		{ tid, args }: Notification,
		dirfd: number,
		path: number,
		empty: boolean,
	): { node?: DeviceNumber; place?: string } | undefined => {
		const given = args[path] === 0n && empty ? "" : stringAt(native, tid, args[path]);
		if (given === undefined) return undefined;
		if (given === "" && empty) {
			const open = files.of(tid, dirfd)?.path;
			const node = open === undefined ? undefined : tree.node(open);
			return node && { node };
		}
		const whole = absolute(given, tid, dirfd);
		if (whole === undefined) return undefined;
		const node = tree.node(whole);
		if (node !== undefined) return { node };
		const place = tree.place(whole);
		return place === undefined ? undefined : { place };
	};

	/** Copies a struct that a call left in the scratch memory to the program. */
	const give = ({ tid }: Notification, rc: number, addr: bigint, size: number): number => {
		if (rc < 0) return rc;
		return native.toRemote(tid, addr, AT.data, size) === size ? 0 : -EFAULT;
	};

	/** Makes /dev/null's struct in the scratch memory that of a node. */
	const disguise = ({ major, minor }: DeviceNumber, extended: boolean): void => {
		const { view } = native;
		if (extended) {
			view.setBigUint64(AT.data + STATX.ino, BigInt(major * 1024 + minor), true);
			view.setUint32(AT.data + STATX.major, major, true);
			view.setUint32(AT.data + STATX.minor, minor, true);
			return;
		}
		view.setBigUint64(AT.data + layout.ino, BigInt(major * 1024 + minor), true);
		view.setBigUint64(AT.data + layout.rdev, BigInt((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)), true);
	};

	const stat =
		({ dirfd, path, buffer, flags, mask, fixed = 0 }: Shape): Handler =>
		(notification) => {
			const { args } = notification;
			const given = flags === undefined ? fixed : int(args[flags]);
			const found = named(notification, dirfd === undefined ? AT_FDCWD : int(args[dirfd]), path, (given & AT_EMPTY_PATH) !== 0);
			if (found === undefined) return undefined;
			const { node } = found;
			const extended = mask !== undefined;
			const where = native.text(node === undefined ? (found.place ?? "") : "/dev/null");
			const how = given & ~AT_EMPTY_PATH;
			const rc = extended
				? native.call("statx", AT_FDCWD, where, how, args[mask], native.at(AT.data))
				: native.call("newfstatat", AT_FDCWD, where, native.at(AT.data), how);
			if (rc === 0 && node !== undefined) disguise(node, extended);
			return give(notification, rc, args[buffer], extended ? STATX_SIZE : layout.size);
		};

	const access =
		(dirfd: number | undefined, path: number, mode: number): Handler =>
		(notification) => {
			const { args } = notification;
			const found = named(notification, dirfd === undefined ? AT_FDCWD : int(args[dirfd]), path, false);
			if (found === undefined) return undefined;
			if (found.node !== undefined) return int(args[mode]) & X_OK ? -EACCES : 0;
			return native.call("faccessat", AT_FDCWD, native.text(found.place ?? ""), args[mode]);
		};

	const readlink =
		(dirfd: number | undefined, path: number): Handler =>
		(notification) => {
			const { args } = notification;
			const found = named(notification, dirfd === undefined ? AT_FDCWD : int(args[dirfd]), path, false);
			if (found === undefined) return undefined;
			if (found.node !== undefined) return -EINVAL;
			const size = Math.min(Math.max(int(args[path + 2]), 0), 4096);
			if (size === 0) return -EINVAL;
			const length = native.call("readlinkat", AT_FDCWD, native.text(found.place ?? ""), native.at(AT.data), size);
			if (length < 0) return length;
			return native.toRemote(notification.tid, args[path + 1], AT.data, length) === length ? length : -EFAULT;
		};

	const fstat: Handler = (notification) => {
		const open = processes.known(notification.tid)?.file(int(notification.args[0]))?.path;
		const node = open === undefined ? undefined : tree.node(open);
		if (node === undefined) return undefined;
		const rc = native.call("newfstatat", AT_FDCWD, native.text("/dev/null"), native.at(AT.data), 0);
		disguise(node, false);
		return give(notification, rc, notification.args[1], layout.size);
	};

	/** None of these files has extended attributes. */
	const attributes =
		(answer: number): Handler =>
		(notification) =>
			named(notification, AT_FDCWD, 0, false) === undefined ? undefined : answer;

	return {
		getxattr: attributes(-ENODATA),
		lgetxattr: attributes(-ENODATA),
		listxattr: attributes(0),
		llistxattr: attributes(0),
		stat: stat({ path: 0, buffer: 1 }),
		lstat: stat({ path: 0, buffer: 1, fixed: AT_SYMLINK_NOFOLLOW }),
		newfstatat: stat({ dirfd: 0, path: 1, buffer: 2, flags: 3 }),
		statx: stat({ dirfd: 0, path: 1, flags: 2, mask: 3, buffer: 4 }),
		fstat,
		access: access(undefined, 0, 1),
		faccessat: access(0, 1, 2),
		faccessat2: access(0, 1, 2),
		readlink: readlink(undefined, 0),
		readlinkat: readlink(0, 1),
	};
}

/** The calls that always stop for this. */
export const STAT_CALLS: readonly SyscallName[] = [
	"stat",
	"lstat",
	"newfstatat",
	"statx",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getxattr",
	"lgetxattr",
	"listxattr",
	"llistxattr",
];
