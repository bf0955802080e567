/** What changes a program's memory: mappings of simulated files, and mappings that go while they are pinned. */
import { EINVAL } from "../../kernel/errno.js";
import type { Notification } from "../notify.js";
import type { Served } from "../served.js";
import type { Handlers } from "./index.js";
import { int } from "./path.js";

const MAP_FIXED = 0x10n;
const PAGE = 4096n;

export function memoryCalls({ processes, guest, files, regions, executing }: Served): Handlers {
	/** [from, from+length) (bytes) goes, if the call succeeds. */
	const unmapping = ({ tid }: Notification, from: bigint, length: bigint): void => {
		const process = processes.known(tid);
		if (process === undefined) return;
		regions.unmapping(process, from, from + length);
		process.knownImage?.unmapping(from, from + length);
	};

	const execute = ({ tid, args: [path] }: Notification): undefined => {
		executing(tid);
		const process = processes.known(tid);
		if (process === undefined) return;
		process.forget();
		process.knownImage?.ending();
		if (process.knownImage !== undefined) process.executing = path;
	};

	return {
		munmap(notification) {
			unmapping(notification, notification.args[0], notification.args[1]);
			return undefined;
		},
		mremap(notification) {
			const [from, before, after] = notification.args;
			// Where it grows it may move: what is pinned stays with the old address.
			if (after < before) unmapping(notification, from + after, before - after);
			else if (after > before) unmapping(notification, from, before);
			return undefined;
		},
		mmap(notification) {
			const { args, tid } = notification;
			const [addr, length, prot, flags, fd, offset] = args;
			if (flags & MAP_FIXED) unmapping(notification, addr, length);
			const process = processes.known(tid);
			const open = files.size === 0 ? undefined : process?.file(int(fd));
			if (process === undefined || open === undefined) return undefined;
			if (length === 0n || offset % PAGE !== 0n) return -EINVAL;
			guest.current = { process, notification, target: open, closeOnExec: false };
			try {
				return guest.mapFile(open, int(fd), offset, Number((length + PAGE - 1n) / PAGE), Number(prot));
			} finally {
				guest.current = undefined;
			}
		},
		madvise({ args: [from, length], tid }) {
			processes.known(tid)?.knownImage?.dropping(from, from + length);
			return undefined;
		},
		exit_group({ tid }) {
			const process = processes.known(tid);
			const image = process?.knownImage;
			// Where nobody else has a file, what is pinned is unpinned by the end of the process.
			if (process !== undefined && image?.pinned && files.openElsewhere(process.pid)) image.ending();
			return undefined;
		},
		execve: execute,
		execveat: (notification) => execute({ ...notification, args: notification.args.slice(1) }),
	};
}
