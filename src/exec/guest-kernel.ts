/** The simulated kernel as the program that waits for an answer calls it. */
import { closeSync, lstatSync } from "node:fs";
import { EBADF, EFAULT, EMFILE, ENODEV } from "../kernel/errno.js";
import type { IoBuffer, Kernel, MmapRequest, Ret } from "../kernel/kernel.js";
import { ProcessCalls, type Sim, type SimFile, type UserMemory } from "../sim/index.js";
import type { EventFds } from "./event-fds.js";
import { regionOffset } from "./far-offsets.js";
import { FIRST_FD, LAST_FD } from "./filter.js";
import { foreignFile } from "./foreign-file.js";
import type { Image } from "./memory/image.js";
import type { MappedRegions } from "./memory/mapped-regions.js";
import type { SharedFiles } from "./memory/shared-files.js";
import type { Native } from "./native.js";
import type { Listener, Notification } from "./notify.js";
import type { OpenFile, OpenFiles } from "./open-files.js";
import type { Traced } from "./traced.js";

/** That of calls that no program waits for. */
const NO_MEMORY: UserMemory = {
	read: () => -EFAULT,
	write: () => -EFAULT,
	clear: () => -EFAULT,
	scan: () => -EFAULT,
	accessible: () => false,
	extents: () => [],
};

/** Recordings know programs' own files by numbers from here on, which no open file has. */
const FIRST_FOREIGN = 1 << 24;

/** The call that is being answered. */
export interface Current {
	readonly process: Traced;
	readonly notification: Notification;
	/** the file that the call is made on */
	readonly target?: OpenFile;
	/** what is being opened, and whether exec closes it */
	readonly path?: string;
	readonly closeOnExec: boolean;
}

/**
 * One kernel for all programs of a session, so that what wraps it (injected faults, a recording) sees all of their calls. A
 * file's number is here the one that it was opened at, whatever number the program uses for it.
 */
export class GuestKernel extends ProcessCalls<Sim> implements Kernel {
	readonly kind = "sim";
	/** A program's own accesses of memory are not seen, so registers cannot be among it. */
	readonly mapsRegisters = false;
	current: Current | undefined;
	/** files by the numbers that the struct of a recorded call has instead of the program's */
	renumbered: ReadonlyMap<number, SimFile> | undefined;
	/** the file of a call that no program waits for */
	#alone: OpenFile | undefined;
	readonly #native: Native;
	readonly #listener: Listener;
	readonly #files: OpenFiles;
	readonly #shared: SharedFiles;
	readonly #events: EventFds;
	#next = FIRST_FD;
	#foreign = FIRST_FOREIGN;
	#reserved: { readonly call: Current; readonly number: number } | undefined;
	readonly #regions: MappedRegions;
	readonly #installed: (process: Traced, open: OpenFile | undefined) => void;

	/** @param installed told of each file that a program gets; undefined: its limit of open files has no room for it */
	constructor(
		native: Native,
		sim: Sim,
		listener: Listener,
		files: OpenFiles,
		shared: SharedFiles,
		events: EventFds,
		regions: MappedRegions,
		installed: (process: Traced, open: OpenFile | undefined) => void,
	) {
		super(sim);
		this.#native = native;
		this.#listener = listener;
		this.#files = files;
		this.#shared = shared;
		this.#events = events;
		this.#regions = regions;
		this.#installed = installed;
	}

	get #call(): Current {
		if (this.current === undefined) throw new Error("no program waits for an answer");
		return this.current;
	}

	/** The process that waits for an answer. */
	get process(): Traced {
		return this.#call.process;
	}

	get image(): Image {
		return this.#call.process.image;
	}

	get memory(): UserMemory {
		return this.#alone === undefined ? this.image : NO_MEMORY;
	}

	/** Makes a call on a file, with buffers of our own, that no program waits for. */
	alone<T>(target: OpenFile, call: () => T): T {
		this.#alone = target;
		try {
			return call();
		} finally {
			this.#alone = undefined;
		}
	}

	file(fd: number): SimFile | undefined {
		if (this.#alone !== undefined) return this.#alone.number === fd ? this.#alone.file : undefined;
		const renumbered = this.renumbered?.get(fd);
		if (renumbered !== undefined) return renumbered;
		const { target, process } = this.#call;
		if (target?.number === fd) return target.file;
		return process.file(fd)?.file ?? foreignFile(process, fd, this.#shared, this.#events);
	}

	reserveFd(): Ret {
		const rc = this.fdAllocation();
		if (rc < 0) return rc;
		const number = this.#pick();
		this.#reserved = { call: this.#call, number };
		return number;
	}

	/** Duplicates the program's descriptor of a simulated file, at a number that is at least `least`. */
	duplicate(fd: number, least: number, closeOnExec: boolean): Ret {
		const { process, notification } = this.#call;
		const number = this.#pick(least);
		if (number < 0) return number;
		const copy = this.#native.call("pidfd_getfd", process.pidfd, fd, 0);
		if (copy < 0) return copy;
		const rc = this.#listener.addFd(notification, copy, number, closeOnExec);
		closeSync(copy);
		return rc === -EBADF ? -EMFILE : rc;
	}

	/** The next number that is free in the program, and by preference names no file of another one: calls are told by these numbers. */
	#pick(least = FIRST_FD): Ret {
		const { pid } = this.#call.process;
		const range = LAST_FD - FIRST_FD + 1;
		for (let tried = 0; tried < 2 * range; tried++) {
			const number = this.#next;
			this.#next = number === LAST_FD ? FIRST_FD : number + 1;
			if (number < least) continue;
			if (tried < range && this.#files.has(number)) continue;
			if (lstatSync(`/proc/${pid}/fd/${number}`, { throwIfNoEntry: false }) !== undefined) continue;
			return number;
		}
		return -EMFILE;
	}

	install(file: SimFile): Ret {
		// What an earlier call reserved and did not need may be taken by now.
		const number = this.#reserved?.call === this.#call ? this.#reserved.number : this.#pick();
		this.#reserved = undefined;
		if (number < 0) {
			file.put();
			return number;
		}
		const { notification, path, closeOnExec, process } = this.#call;
		const made = this.#files.create(file, { pid: process.pid, fd: number }, path);
		if (typeof made === "number") {
			file.put();
			return made;
		}
		const rc = this.#listener.addFd(notification, made.fd, number, closeOnExec);
		// Numbers above the limit are EBADF here.
		if (rc >= 0 || rc === -EBADF) this.#installed(process, rc < 0 ? undefined : made.open);
		// If the program does not have it now, this was the last close.
		closeSync(made.fd);
		return rc === -EBADF ? -EMFILE : rc;
	}

	/** The last descriptor is gone: only a recording is told. */
	close(): Ret {
		return 0;
	}

	/** The same of another process, for a recording. */
	fork(): Kernel {
		return this;
	}

	/** Maps pages of a simulated file at an offset (bytes) into the program: minus the errno; undefined: its own kernel does so with what stands for the file. */
	mapFile(open: OpenFile, fd: number, offset: bigint, pages: number, prot: number): Ret | undefined {
		const own = regionOffset(offset);
		const backing = open.file.mmap(Number(own / 4096n), pages);
		if (backing === undefined) return -ENODEV;
		if (typeof backing === "number") return backing;
		const start = Number(own / 4096n) - backing.page;
		const part = { offset: own, pages, prot, start };
		return this.#regions.map(this.#call.process, open, fd, Number(offset / 4096n) - backing.page, backing.object, part);
	}

	/** The program has mapped this by itself: only a recording is told. */
	mmap({ addr }: MmapRequest): bigint {
		return addr;
	}

	/** The same. */
	munmap(): Ret {
		return 0;
	}

	/** The program has made this by itself: only a recording is told, and knows it by a number that no program has. */
	memfd(): Ret {
		return this.#foreign++;
	}

	/** Makes an eventfd's number, as memfd does. */
	eventfd(): Ret {
		return this.#foreign++;
	}

	/** The program has written to its own file by itself: only a recording is told. */
	override write(fd: number, from: IoBuffer): Ret {
		return fd >= FIRST_FOREIGN ? from.length : super.write(fd, from);
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		return this.image.bytes.read(addr, into) === into.length ? 0 : -EFAULT;
	}

	/** The program has written this by itself: only a recording is told. */
	poke(): Ret {
		return 0;
	}

	exit(): void {}
}
