/** The processes of programs that use simulated files. */
import { closeSync, readFileSync, statSync } from "node:fs";
import type { PhysicalMemory } from "../sim/index.js";
import { EPOLLIN, type Epoll } from "./epoll.js";
import { inRange } from "./filter.js";
import { inodeKey } from "./inode-key.js";
import { Image } from "./memory/image.js";
import { LockedMemory } from "./memory/locked-memory.js";
import type { SharedFiles } from "./memory/shared-files.js";
import type { Witness } from "./memory/witness.js";
import type { Native } from "./native.js";
import type { OpenFile, OpenFiles } from "./open-files.js";

/** A process, from the first call that concerns the simulated kernel until it ends. */
export class Traced {
	/** an execve was let go on: whether it succeeded is seen at the next call */
	executing: bigint | undefined;
	/** the simulated files at the numbers of our own range */
	readonly #known = new Map<number, OpenFile>();
	#image: Image | undefined;

	constructor(
		readonly pid: number,
		readonly pidfd: number,
		readonly makeImage: () => Image,
		readonly files: OpenFiles,
	) {}

	/** Its memory. */
	get image(): Image {
		if (this.executing !== undefined && this.#image !== undefined && !this.#image.bytes.alive(this.executing)) this.dropImage();
		this.executing = undefined;
		this.#image ??= this.makeImage();
		return this.#image;
	}

	/** The same if a call has needed it already. */
	get knownImage(): Image | undefined {
		return this.#image;
	}

	dropImage(): void {
		this.#image?.close();
		this.#image = undefined;
	}

	/** The simulated file behind a descriptor. */
	file(fd: number): OpenFile | undefined {
		const known = this.#known.get(fd);
		if (known !== undefined) return known;
		const stat = statSync(`/proc/${this.pid}/fd/${fd}`, { throwIfNoEntry: false });
		const open = stat && this.files.get(inodeKey(stat.dev, stat.ino));
		if (open !== undefined && inRange(fd)) this.#known.set(fd, open);
		return open;
	}

	/** Its descriptors are about to change. */
	forget(): void {
		this.#known.clear();
	}
}

/** All of them, by their threads. */
export class TracedProcesses {
	readonly #native: Native;
	readonly #epoll: Epoll;
	readonly #files: OpenFiles;
	readonly #physical: PhysicalMemory;
	readonly #shared: SharedFiles;
	readonly #witness: (process: Traced) => Witness | undefined;
	readonly #onChange: (process: Traced, there: boolean) => void;
	readonly #locked: LockedMemory;
	readonly #byPid = new Map<number, Traced>();
	readonly #byThread = new Map<number, Traced>();

	constructor(
		native: Native,
		epoll: Epoll,
		files: OpenFiles,
		physical: PhysicalMemory,
		shared: SharedFiles,
		witness: (process: Traced) => Witness | undefined,
		onChange: (process: Traced, there: boolean) => void,
	) {
		this.#native = native;
		this.#epoll = epoll;
		this.#files = files;
		this.#physical = physical;
		this.#shared = shared;
		this.#witness = witness;
		this.#locked = new LockedMemory(native);
		this.#onChange = onChange;
	}

	get size(): number {
		return this.#byPid.size;
	}

	get all(): Iterable<Traced> {
		return this.#byPid.values();
	}

	withPid(pid: number): Traced | undefined {
		return this.#byPid.get(pid);
	}

	/** The process of a thread, if it is known already. */
	known(tid: number): Traced | undefined {
		if (this.#byPid.size === 0) return undefined;
		const process = this.#byThread.get(tid);
		// A thread's number may have been given to another process.
		if (process !== undefined && this.#native.call("tgkill", process.pid, tid, 0) === 0) return process;
		const pid = processOf(tid);
		const found = pid === undefined ? undefined : this.#byPid.get(pid);
		if (found !== undefined) this.#byThread.set(tid, found);
		else this.#byThread.delete(tid);
		return found;
	}

	/** The process of a thread that waits for an answer; undefined: it was killed. */
	of(tid: number): Traced | undefined {
		const known = this.known(tid);
		if (known !== undefined) return known;
		const pid = processOf(tid);
		if (pid === undefined) return undefined;
		const pidfd = this.#native.call("pidfd_open", pid, 0);
		if (pidfd < 0) return undefined;
		const makeImage = () => new Image(this.#native, pid, this.#physical, this.#shared, this.#witness(process), this.#locked);
		const process: Traced = new Traced(pid, pidfd, makeImage, this.#files);
		this.#byPid.set(pid, process);
		this.#byThread.set(tid, process);
		this.#epoll.add(pidfd, EPOLLIN, () => this.#ended(process));
		this.#onChange(process, true);
		return process;
	}

	/** A file was closed for the last time. */
	forgetFile(): void {
		for (const process of this.#byPid.values()) process.forget();
	}

	closeAll(): void {
		for (const process of [...this.#byPid.values()]) this.#ended(process);
	}

	#ended(process: Traced): void {
		this.#epoll.remove(process.pidfd);
		closeSync(process.pidfd);
		process.dropImage();
		this.#byPid.delete(process.pid);
		for (const [tid, each] of this.#byThread) if (each === process) this.#byThread.delete(tid);
		this.#onChange(process, false);
	}
}

/** The process that a thread belongs to; undefined if there is no such thread. */
function processOf(tid: number): number | undefined {
	try {
		const match = /^Tgid:\s*(\d+)/m.exec(readFileSync(`/proc/${tid}/status`, "latin1"));
		return match === null ? undefined : Number(match[1]);
	} catch {
		return undefined;
	}
}
