/** The descriptor table of a process that lives on the simulated kernel. */
import { EMFILE, ENOMEM } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { FileTable } from "./caller.js";
import type { SimFile } from "./file.js";

/** Descriptors a process can have (Linux's usual soft limit). */
const MAX_FILES = 1024;
/** 0 to 2 are the program's own input and output. */
const FIRST = 3;

export class DescriptorTable implements FileTable {
	readonly #files = new Map<number, SimFile>();
	#lowestFree = FIRST;

	/** `allocation`: false where the kernel has no memory for one file more */
	constructor(readonly allocation: () => boolean) {}

	file(fd: number): SimFile | undefined {
		return this.#files.get(fd);
	}

	install(file: SimFile): Ret {
		const fd = this.#next();
		if (fd < 0) {
			file.put();
			return fd;
		}
		this.#files.set(fd, file);
		this.#lowestFree = fd + 1;
		return fd;
	}

	reserveFd(): Ret {
		return this.allocation() ? this.#next() : -ENOMEM;
	}

	/** Take the file out and let go of it; false: nothing is open there. */
	close(fd: number): boolean {
		const file = this.#files.get(fd);
		if (file === undefined) return false;
		this.#files.delete(fd);
		if (fd < this.#lowestFree) this.#lowestFree = Math.max(fd, FIRST);
		file.put();
		return true;
	}

	/** Close all, the newest first. */
	closeAll(): void {
		for (const fd of [...this.#files.keys()].reverse()) this.close(fd);
	}

	#next(): Ret {
		let fd = this.#lowestFree;
		while (this.#files.has(fd)) fd++;
		return fd >= MAX_FILES ? -EMFILE : fd;
	}
}
