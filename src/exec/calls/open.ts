/** open, openat, openat2: device nodes and the files around them. */
import { closeSync } from "node:fs";
import { ENOTDIR, ESRCH } from "../../kernel/errno.js";
import type { Notification } from "../notify.js";
import type { Served } from "../served.js";
import type { Handlers } from "./index.js";
import { absolute, int, stringAt } from "./path.js";

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;

/** Paths of descriptors. */
const BY_DESCRIPTOR = /^\/(?:proc\/(self|thread-self|\d+)|dev)\/fd\/(\d+)$/;

/** Whether the simulated kernel has the device nodes of this path. */
const isDevice = (path: string): boolean => path === "/dev/iommu" || (path.startsWith("/dev/vfio/") && path !== "/dev/vfio/devices");

export function openCalls(served: Served): Handlers {
	const { native, files, processes, guest, kernels, overlay, listener, faults, tree } = served;

	/** What a path to a descriptor of a device node names is that node, opened once more. */
	const reopened = (path: string | undefined, tid: number): string | undefined => {
		if (path === undefined || files.size === 0) return path;
		const [, whose, fd] = BY_DESCRIPTOR.exec(path) ?? [];
		return (fd === undefined ? undefined : files.of(/^\d+$/.test(whose) ? Number(whose) : tid, Number(fd))?.path) ?? path;
	};

	const open = (notification: Notification, dirfd: number, addr: bigint, flags: number): number | undefined => {
		const { tid } = notification;
		const given = stringAt(native, tid, addr);
		const path = given === undefined ? undefined : reopened(absolute(given, tid, dirfd), tid);
		if (path === undefined || (flags & O_PATH) !== 0) return undefined;
		const device = isDevice(path);
		if (!device && !overlay.concerns(path)) return undefined;
		if (given?.endsWith("/") && tree.node(path) !== undefined) return -ENOTDIR;
		const closeOnExec = (flags & O_CLOEXEC) !== 0;
		const opened = device
			? undefined
			: overlay.open(path, flags, { tid, process: (pid = tid) => (pid === tid ? processes.of(tid) : processes.withPid(pid)) });
		if (typeof opened === "number") return opened;
		if (opened !== undefined && "fd" in opened) {
			const rc = listener.addFd(notification, opened.fd, undefined, closeOnExec);
			closeSync(opened.fd);
			return rc;
		}
		if (!device && opened === undefined) return undefined;
		const process = processes.of(tid);
		if (process === undefined) return -ESRCH;
		guest.current = { process, notification, path, closeOnExec };
		try {
			if (opened !== undefined) return guest.install(opened.file);
			const kernel = kernels.of(process);
			return faults.during(tid, kernel, () => kernel.open(path, flags));
		} finally {
			guest.current = undefined;
		}
	};

	return {
		open: (notification) => open(notification, AT_FDCWD, notification.args[0], int(notification.args[1])),
		openat: (notification) => open(notification, int(notification.args[0]), notification.args[1], int(notification.args[2])),
		openat2(notification) {
			const how = new Uint8Array(8);
			const { args, tid } = notification;
			const read = native.remote(tid, args[2], how);
			return read === how.length ? open(notification, int(args[0]), args[1], new DataView(how.buffer).getInt32(0, true)) : undefined;
		},
	};
}
