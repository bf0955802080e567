/** Writes into a recording what the simulated kernel sees of a process's memory: mappings, and the bytes that it reads. */
import { type Kernel, PROT_READ, PROT_WRITE } from "../../kernel/kernel.js";
import { IntervalCounter } from "../../sim/index.js";
import type { Mapping } from "./maps.js";

/** Beyond the last page of any process. */
export const ALL_PAGES = 2 ** 52;

type MemoryCalls = Pick<Kernel, "mmap" | "munmap" | "poke" | "memfd">;

/** Files that programs have mapped, by the numbers that the recording has for them. */
export interface MemoryFiles {
	/** `least`: it may be longer */
	memory(kernel: Pick<Kernel, "memfd">, key: string, length: bigint, pageSize: number, least: boolean): number | undefined;
}

/** What is told of a process's memory. */
export interface Witness {
	/** The kernel looks at `count` pages from `page` on, which are in this mapping. */
	touched(page: number, count: number, mapping: Mapping): void;
	/** The kernel has read these bytes. */
	read(addr: bigint, bytes: Uint8Array): void;
	/** [from, to) (pages) is about to be unmapped. */
	unmapping(from: number, to: number): void;
}

/** That of one process of a recording. */
export class RecordingWitness implements Witness {
	/** takes the steps; what they do is not done again */
	readonly #kernel: MemoryCalls;
	/** pages that the recording has as mapped */
	readonly #covered = new IntervalCounter();
	readonly #files: MemoryFiles;

	/** @param parent whose memory the process begins with in the recording: it is unmapped at once */
	constructor(kernel: MemoryCalls, files: MemoryFiles, parent?: RecordingWitness) {
		this.#kernel = kernel;
		this.#files = files;
		if (parent === undefined) return;
		for (const [from, to] of parent.#covered.runs(0, ALL_PAGES)) this.#covered.add(from, to, 1);
		this.unmapping(0, ALL_PAGES);
	}

	touched(page: number, count: number, mapping: Mapping): void {
		const { readable, writable } = mapping;
		const prot = (readable ? PROT_READ : 0) | (writable ? PROT_WRITE : 0);
		// Huge pages are mapped whole.
		const per = mapping.pageSize / 4096;
		const first = page - ((page - mapping.start) % per);
		const end = mapping.start + Math.ceil((page + count - mapping.start) / per) * per;
		for (const [from, to] of [...this.#covered.runs(first, end, true)]) {
			this.#covered.add(from, to, 1);
			const range = { addr: BigInt(from) << 12n, length: BigInt(to - from) << 12n, prot };
			const { file } = mapping;
			const fd = mapping.shared && file !== undefined ? this.#numberOf(mapping, file) : undefined;
			this.#kernel.mmap(
				file === undefined || fd === undefined ? range : { ...range, fd, offset: pages(file.page + (from - mapping.start)) },
			);
		}
	}

	/** That of the file of a shared mapping, which is at least as long as the mapping tells. */
	#numberOf({ start, end, pageSize }: Mapping, { page, key }: { page: number; key: string }): number | undefined {
		return this.#files.memory(this.#kernel, key, pages(page + (end - start)), pageSize, true);
	}

	read(addr: bigint, bytes: Uint8Array): void {
		this.#kernel.poke(addr, bytes);
	}

	unmapping(from: number, to: number): void {
		for (const [first, end] of [...this.#covered.runs(from, to)]) {
			this.#covered.add(first, end, -1);
			this.#kernel.munmap(BigInt(first) << 12n, BigInt(end - first) << 12n);
		}
	}
}

const pages = (count: number): bigint => BigInt(count) << 12n;
