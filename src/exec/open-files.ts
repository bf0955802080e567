/** The simulated files that programs have open, each known by the inode of what stands for it in the programs. */
import { closeSync, fstatSync, statSync } from "node:fs";
import { POLLIN } from "../kernel/kernel.js";
import { SimFile } from "../sim/index.js";
import { EPOLLERR, EPOLLIN, type Epoll } from "./epoll.js";
import { AT, type Native } from "./native.js";

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const AT_FDCWD = -100;
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
	/** for files that can be polled: our end of the pipe that stands for it */
	readonly pipe?: number;
	/** a byte is in the pipe */
	level?: boolean;
}

/** By the numbers of stat. */
export function inodeKey(dev: number, ino: number): string {
	return `${dev}:${ino}`;
}

/**
 * What stands for a file in a program is a memory file, whose last close inotify tells; a file that can be polled is a pipe
 * instead, in which a byte means POLLIN, and whose other end tells the last close.
 */
export class OpenFiles {
	readonly #native: Native;
	readonly #epoll: Epoll;
	readonly #onClosed: (open: OpenFile) => void;
	readonly #inotify: number;
	readonly #byKey = new Map<string, OpenFile>();
	readonly #byWatch = new Map<number, OpenFile>();
	readonly #polled = new Set<OpenFile>();

	constructor(native: Native, epoll: Epoll, onClosed: (open: OpenFile) => void) {
		this.#native = native;
		this.#epoll = epoll;
		this.#onClosed = onClosed;
		this.#inotify = native.call("inotify_init1", O_NONBLOCK | O_CLOEXEC);
		epoll.add(this.#inotify, EPOLLIN, () => this.#readEvents());
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

	/** A file of ours that stands for `file`, to be opened in a program and then closed here; or minus the errno. */
	create(file: SimFile, number: number, path: string | undefined): { readonly fd: number; readonly open: OpenFile } | number {
		return file.poll === SimFile.prototype.poll ? this.#memfd(file, number, path) : this.#pipe(file, number, path);
	}

	/** Makes what polling programs see agree with the files. */
	refresh(): void {
		for (const open of this.#polled) {
			const level = (open.file.poll() & POLLIN) !== 0;
			if (level === (open.level ?? false)) continue;
			open.level = level;
			if (level) this.#native.call("write", open.pipe ?? -1, this.#native.at(AT.data), 1);
			else this.#drain(open.pipe ?? -1);
		}
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
		const watch = this.#native.call("inotify_add_watch", this.#inotify, this.#native.text(`/proc/self/fd/${fd}`), IN_CLOSE);
		if (watch < 0) {
			closeSync(fd);
			return watch;
		}
		const open = { file, number, path, key: keyOf(fd) };
		this.#byWatch.set(watch, open);
		this.#byKey.set(open.key, open);
		return { fd, open };
	}

	#pipe(file: SimFile, number: number, path: string | undefined): { readonly fd: number; readonly open: OpenFile } | number {
		const rc = this.#native.call("pipe2", this.#native.at(AT.pair), O_NONBLOCK | O_CLOEXEC);
		if (rc < 0) return rc;
		const read = this.#native.view.getInt32(AT.pair, true);
		const pipe = this.#native.view.getInt32(AT.pair + 4, true);
		// Where it is read by a number that does not stop, that must not wait for ever.
		const fd = this.#reopen(read, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		closeSync(read);
		if (fd < 0) {
			closeSync(pipe);
			return fd;
		}
		const open: OpenFile = { file, number, path, key: keyOf(fd), pipe };
		// Without events only the end of the last reader is told.
		this.#epoll.add(pipe, 0, (events) => {
			if (events & EPOLLERR) this.#closed(open);
		});
		this.#byKey.set(open.key, open);
		this.#polled.add(open);
		return { fd, open };
	}

	#drain(pipe: number): void {
		const reader = this.#reopen(pipe, O_NONBLOCK | O_CLOEXEC);
		if (reader < 0) return;
		this.#native.call("read", reader, this.#native.at(AT.data), 16);
		closeSync(reader);
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
				if (open === undefined || !(mask & IN_CLOSE)) continue;
				this.#byWatch.delete(watch);
				this.#native.call("inotify_rm_watch", this.#inotify, watch);
				this.#closed(open);
			}
		}
	}

	#closed(open: OpenFile): void {
		if (this.#byKey.get(open.key) !== open) return;
		this.#byKey.delete(open.key);
		this.#polled.delete(open);
		if (open.pipe !== undefined) {
			this.#epoll.remove(open.pipe);
			closeSync(open.pipe);
		}
		this.#onClosed(open);
	}
}

function keyOf(fd: number): string {
	const { dev, ino } = fstatSync(fd);
	return inodeKey(dev, ino);
}
