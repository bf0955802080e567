/** The descriptor table of a process that lives on the simulated kernel. */
import type { Ret } from "../../kernel/kernel.js";
import type { FileTable } from "./caller.js";
import { descriptorChecks, fdTableChecks } from "./checks.js";
import { SimFile } from "./file.js";
import type { KernelServices } from "./services.js";

/** Descriptors a process can have (Linux's usual soft limit). */
const MAX_FILES = 1024;
/** 0 to 2 are the program's own input and output. */
const FIRST = 3;

/** Stands for a descriptor that the process did not open. */
const FOREIGN = new (class extends SimFile {
	readonly kind = "foreign";
})();

export class DescriptorTable implements FileTable {
	readonly #files = new Map<number, SimFile>();
	#lowestFree: number;

	/** number of descriptors, from 0, that the process has without having opened them */
	readonly foreign: number;

	constructor(readonly system: KernelServices) {
		this.foreign = system.foreignFiles ?? 0;
		this.#lowestFree = Math.max(FIRST, this.foreign);
	}

	file(fd: number): SimFile | undefined {
		return this.#files.get(fd) ?? (fd >= 0 && fd < this.foreign ? FOREIGN : undefined);
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
		const { system } = this;
		return system.allocation() ? this.#next() : system.reasons.fail(descriptorChecks.fdMemory, system.allocations);
	}

	/** Remove the file and drop its reference; false if nothing is open there. */
	close(fd: number): boolean {
		const file = this.#files.get(fd);
		if (file === undefined) return false;
		this.#files.delete(fd);
		if (fd < this.#lowestFree) this.#lowestFree = fd;
		file.put();
		return true;
	}

	/** Take another process's files over, under the same numbers. */
	inherit(from: DescriptorTable): void {
		for (const [fd, file] of from.#files) this.#files.set(fd, file.get());
		this.#lowestFree = from.#lowestFree;
	}

	/** Close all files, newest first. */
	closeAll(): void {
		for (const fd of [...this.#files.keys()].reverse()) this.close(fd);
	}

	#next(): Ret {
		let fd = this.#lowestFree;
		while (this.#files.has(fd)) fd++;
		return fd >= MAX_FILES ? this.system.reasons.fail(fdTableChecks.tooManyFiles, MAX_FILES) : fd;
	}
}
