/** A program's memory, for exports that place it elsewhere. */
import type { Step } from "../format.js";

interface Region {
	readonly addr: bigint;
	readonly length: bigint;
	/** what was written there; allocated on the first write */
	bytes?: Buffer;
	/** where it is in another program's memory */
	readonly base: bigint;
}

const PAGE = 4096n;

/** A program's memory, followed through its steps: where the export places it, and what was written there. */
export class ProgramMemory {
	#regions: Region[] = [];
	#end = 0n;
	readonly #base: bigint;
	readonly #room: bigint;

	/** The program's memory is placed page by page in the `room` bytes from `base`. */
	constructor(base: bigint, room: bigint) {
		this.#base = base;
		this.#room = room;
	}

	follow(step: Step): void {
		if (step.op === "mmap") {
			const length = ((BigInt(step.length) + PAGE - 1n) / PAGE) * PAGE;
			if (this.#end + length > this.#room) return;
			this.#regions.push({ addr: BigInt(step.addr), length, base: this.#base + this.#end });
			this.#end += length;
		} else if (step.op === "mremap") {
			const { addr, new_addr: to } = { addr: BigInt(step.addr), new_addr: BigInt(step.new_addr) };
			this.#regions = this.#regions.map((region) => (region.addr === addr ? { ...region, addr: to } : region));
		} else if (step.op === "munmap") {
			const addr = BigInt(step.addr);
			this.#regions = this.#regions.filter((region) => region.addr !== addr);
		} else if (step.op === "poke") {
			const region = this.#find(BigInt(step.addr), step.data.length / 2);
			if (region === undefined) return;
			region.bytes ??= Buffer.alloc(Number(region.length));
			region.bytes.write(step.data, Number(BigInt(step.addr) - region.addr), "hex");
		}
	}

	/** Where the export places an address; undefined if `length` bytes from there are not all memory. */
	place(addr: bigint, length = 0): bigint | undefined {
		const region = this.#find(addr, length);
		return region && region.base + (addr - region.addr);
	}

	/** The contents of memory there, as far as the steps tell. */
	read(addr: bigint, length: number): Buffer {
		const region = this.#find(addr, length);
		if (region?.bytes === undefined) return Buffer.alloc(length);
		const at = Number(addr - region.addr);
		return region.bytes.subarray(at, at + length);
	}

	#find(addr: bigint, length: number): Region | undefined {
		return this.#regions.find((region) => addr >= region.addr && addr + BigInt(length) <= region.addr + region.length);
	}
}
