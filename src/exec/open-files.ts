/** The simulated files that programs have open, each known by the inode of what stands for it in the programs. */
import { closeSync, statSync } from "node:fs";
import { SimFile } from "../sim/index.js";
import { EPOLLIN, type Epoll } from "./epoll.js";
import { inodeKey, keyOf } from "./inode-key.js";
import { AT, type Native } from "./native.js";
import { findDescriptor, type Place } from "./places.js";
import { QueueFiles, type QueueSocket } from "./queue-files.js";

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const AT_FDCWD = -100;
const IN_MODIFY = 2;
const IN_CLOSE = 0x18;
const EVENT_SIZE = 16;

/** A simulated file that is open in some program. */
export interface OpenFile {
	readonly file: SimFile;
	/** the number that it was opened at; other programs, and dups, may have others */
	readonly number: number;
	/** what it was opened as; undefined: a call made it */
	readonly path: string | undefined;
	readonly key: string;
	/** for files whose reads are records: what programs have of it */
	readonly socket?: QueueSocket;
	/** programs have mapped pages of it, which are in what stands for it */
	mapped?: boolean;
}

/** What happens to files without a call that stops. */
export interface FileEvents {
	/** its last descriptor is gone */
	closed(open: OpenFile): void;
	/** a program wrote to a file's stand-in, which the file does not see */
	missed(open: OpenFile): void;
	/** a program has read the file's first record */
	taken(open: OpenFile, record: Uint8Array): void;
	/** a program has written to the file */
	written(open: OpenFile, bytes: Uint8Array): void;
}

/**
 * What stands for a file in a program is a memory file, whose last close inotify tells; a queue's file is an end of a socket pair
 * instead.
 */
export class OpenFiles {
	readonly #native: Native;
	readonly #epoll: Epoll;
	readonly #events: FileEvents;
	readonly #inotify: number;
	readonly #byKey = new Map<string, OpenFile>();
	/** how many files were opened at each number */
	readonly #numbers = new Map<number, number>();
	readonly #byWatch = new Map<number, OpenFile>();
	readonly queues: QueueFiles;

	constructor(native: Native, epoll: Epoll, events: FileEvents) {
		this.#native = native;
		this.#epoll = epoll;
		this.#events = events;
		this.queues = new QueueFiles(native, epoll, { ...events, closed: (open) => this.#closed(open) });
		this.#inotify = native.call("inotify_init1", O_NONBLOCK | O_CLOEXEC);
		epoll.add(this.#inotify, EPOLLIN, () => this.#readEvents());
	}

	/** Whether a file that is open was opened at this number. */
	has(number: number): boolean {
		return (this.#numbers.get(number) ?? 0) > 0;
	}

	get size(): number {
		return this.#byKey.size;
	}

	get(key: string): OpenFile | undefined {
		return this.#byKey.get(key);
	}

	/** The simulated file that a thread has at a number. */
	of(tid: number, fd: number): OpenFile | undefined {
		if (this.#byKey.size === 0) return undefined;
		const stat = statSync(`/proc/${tid}/fd/${fd}`, { throwIfNoEntry: false });
		return stat && this.#byKey.get(inodeKey(stat.dev, stat.ino));
	}

	/** Whether a process besides this one has a simulated file. */
	openElsewhere(than: number): boolean {
		return findDescriptor((key, { pid }) => pid !== than && this.#byKey.has(key)) !== undefined;
	}

	/**
	 * A file of ours that stands for `file`, to be opened in a program at `place` and then closed here; or minus the errno.
	 * `path`: what it was opened as.
	 */
	create(file: SimFile, place: Place, path: string | undefined): { readonly fd: number; readonly open: OpenFile } | number {
		if (file.poll === SimFile.prototype.poll) return this.#memfd(file, place.fd, path);
		const made = this.queues.create(file, place);
		if (typeof made === "number") return made;
		this.#add(made.open);
		return made;
	}

	/** Makes what programs see of queues agree with the queues. */
	refresh(): void {
		this.queues.refresh();
	}

	closeAll(): void {
		for (const open of [...this.#byKey.values()].reverse()) this.#closed(open);
		this.#epoll.remove(this.#inotify);
		closeSync(this.#inotify);
	}

	#memfd(file: SimFile, number: number, path: string | undefined): { readonly fd: number; readonly open: OpenFile } | number {
		const made = this.#native.call("memfd_create", this.#native.text(`iommuctl:${path ?? file.kind}`), MFD_CLOEXEC);
		if (made < 0) return made;
		// inotify does not see the file that memfd_create returns, but one that is opened.
		const fd = this.#reopen(made, O_RDWR | O_CLOEXEC);
		closeSync(made);
		if (fd < 0) return fd;
		const watch = this.#native.call("inotify_add_watch", this.#inotify, this.#native.text(`/proc/self/fd/${fd}`), IN_CLOSE | IN_MODIFY);
		if (watch < 0) {
			closeSync(fd);
			return watch;
		}
		const open = { file, number, path, key: keyOf(fd) };
		this.#byWatch.set(watch, open);
		this.#add(open);
		return { fd, open };
	}

	#reopen(fd: number, flags: number): number {
		return this.#native.call("openat", AT_FDCWD, this.#native.text(`/proc/self/fd/${fd}`), flags, 0);
	}

	#readEvents(): void {
		for (;;) {
			const length = this.#native.call("read", this.#inotify, this.#native.at(AT.data), 0x4000);
			if (length <= 0) return;
			const events: [number, number][] = [];
			for (let at = 0; at < length; at += EVENT_SIZE + this.#native.view.getUint32(AT.data + at + 12, true))
				events.push([this.#native.view.getInt32(AT.data + at, true), this.#native.view.getUint32(AT.data + at + 4, true)]);
			for (const [watch, mask] of events) {
				const open = this.#byWatch.get(watch);
				if (open === undefined) continue;
				if (mask & IN_MODIFY && !open.mapped) this.#events.missed(open);
				if (!(mask & IN_CLOSE)) continue;
				this.#byWatch.delete(watch);
				this.#native.call("inotify_rm_watch", this.#inotify, watch);
				this.#closed(open);
			}
		}
	}

	#add(open: OpenFile): void {
		this.#byKey.set(open.key, open);
		this.#numbers.set(open.number, (this.#numbers.get(open.number) ?? 0) + 1);
	}

	#closed(open: OpenFile): void {
		if (this.#byKey.get(open.key) !== open) return;
		this.#byKey.delete(open.key);
		const others = (this.#numbers.get(open.number) ?? 1) - 1;
		if (others > 0) this.#numbers.set(open.number, others);
		else this.#numbers.delete(open.number);
		this.queues.forget(open);
		this.#events.closed(open);
	}
}
