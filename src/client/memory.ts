/** Memory of the program for the data that calls point to. */
import { Problem } from "../../structs/errors.js";
import { ENOMEM } from "../kernel/errno.js";
import { type Kernel, PROT_READ, PROT_WRITE } from "../kernel/kernel.js";

/** Places the data that a call's struct points to: arrays, payloads behind a data_uptr, bitmaps, strings. */
export interface Placer {
	/** Copies bytes to where the kernel can read and write them. @returns the address */
	place(bytes: Uint8Array): bigint;
	/** The bytes at an address now. @returns undefined if nothing is there (or ever was, in a dry run) */
	fetch(addr: bigint, length: number): Uint8Array | undefined;
}

/** The program has no memory left (or the requested address is taken). */
export class MemoryError extends Problem {
	constructor(
		readonly errno: number,
		message: string,
	) {
		super("environment", message);
	}
}

const pageSize = 4096n;
const chunkLength = 1 << 20;

const roundUp = (length: number | bigint): bigint => (BigInt(length) + pageSize - 1n) & -pageSize;

/**
 * Scratch memory of a program for the data of one call after another: small pieces share a chunk that stays mapped,
 * a large piece gets a mapping of its own that `reset` unmaps.
 */
export class Scratch implements Placer {
	#chunk = 0n;
	#used = 0;
	readonly #large: { addr: bigint; length: bigint }[] = [];
	readonly #kernel: Kernel;

	constructor(kernel: Kernel) {
		this.#kernel = kernel;
	}

	place(bytes: Uint8Array): bigint {
		const addr = this.#reserve(bytes.length);
		const ret = this.#kernel.poke(addr, bytes);
		if (ret < 0) throw new MemoryError(-ret, "the program's memory cannot be written");
		return addr;
	}

	fetch(addr: bigint, length: number): Uint8Array | undefined {
		const bytes = new Uint8Array(length);
		return this.#kernel.peek(addr, bytes) < 0 ? undefined : bytes;
	}

	/** Call this when the call that needed the pieces is over. */
	reset(): void {
		this.#used = 0;
		for (const { addr, length } of this.#large.splice(0)) this.#kernel.munmap(addr, length);
	}

	#reserve(length: number): bigint {
		if (length > chunkLength) {
			const rounded = roundUp(length);
			const addr = this.#map(rounded);
			this.#large.push({ addr, length: rounded });
			return addr;
		}
		if (this.#chunk === 0n) this.#chunk = this.#map(BigInt(chunkLength));
		// A full chunk is unmapped with the large pieces; a new one takes its place.
		if (this.#used + length > chunkLength) {
			this.#large.push({ addr: this.#chunk, length: BigInt(chunkLength) });
			this.#chunk = this.#map(BigInt(chunkLength));
			this.#used = 0;
		}
		const addr = this.#chunk + BigInt(this.#used);
		this.#used += Math.max(16, (length + 15) & ~15);
		return addr;
	}

	#map(length: bigint): bigint {
		const addr = this.#kernel.mmap({ addr: 0n, length, prot: PROT_READ | PROT_WRITE });
		if (addr < 0n) throw new MemoryError(Number(-addr) || ENOMEM, `no memory of ${length} bytes for the call's data`);
		return addr;
	}
}

/** For a dry run: addresses such as a program might have, without a kernel. */
export class DryScratch implements Placer {
	/** what was placed, in order */
	readonly placed: { readonly addr: bigint; readonly bytes: Uint8Array }[] = [];
	#next = 0x7f00_0000_0000n;

	place(bytes: Uint8Array): bigint {
		const addr = this.reserve(BigInt(bytes.length));
		this.placed.push({ addr, bytes });
		return addr;
	}

	/** @param length bytes */
	reserve(length: bigint): bigint {
		const addr = this.#next;
		this.#next += (length + 4095n) & -4096n;
		return addr;
	}

	fetch(): undefined {
		return undefined;
	}
}
