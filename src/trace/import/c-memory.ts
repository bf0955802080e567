/** The memory of a C reproducer as its stores leave it, handed to the kernel before each call. */
import type { Kernel } from "../../kernel/kernel.js";

interface Region {
	readonly addr: bigint;
	readonly bytes: Buffer;
	/** written here since the kernel was last told: [start, end) in bytes */
	dirty: [number, number][];
}

/** The most memory that a reproducer may map: its data area has 16 MiB. */
const MOST = 64 * 1024 * 1024;

export class CMemory {
	readonly #regions: Region[] = [];
	readonly #kernel: Kernel;

	constructor(kernel: Kernel) {
		this.#kernel = kernel;
	}

	/** Maps memory where the program has none yet; false if that cannot be done. */
	map(addr: bigint, length: bigint, prot: number): boolean {
		if (length <= 0n || length > MOST || this.#kernel.mmap({ addr, length, prot }) !== addr) return false;
		if (prot !== 0) this.#regions.push({ addr, bytes: Buffer.alloc(Number(length)), dirty: [] });
		return true;
	}

	/** Stores bytes; false if there is no memory. `told`: the kernel wrote them itself. */
	store(addr: bigint, bytes: Uint8Array, told = false): boolean {
		const region = this.#find(addr, bytes.length);
		if (region === undefined) return false;
		const at = Number(addr - region.addr);
		region.bytes.set(bytes, at);
		if (!told) region.dirty.push([at, at + bytes.length]);
		return true;
	}

	/** What is stored there; undefined if there is no memory. */
	load(addr: bigint, length: number): Buffer | undefined {
		const region = this.#find(addr, length);
		if (region === undefined) return undefined;
		const at = Number(addr - region.addr);
		return Buffer.from(region.bytes.subarray(at, at + length));
	}

	/** Tells the kernel what was stored, except for the bytes of the argument itself, which the call carries. */
	flush(addr = 0n, length = 0): void {
		for (const region of this.#regions) {
			const from = Number(addr - region.addr);
			for (const [start, end] of joined(region.dirty))
				for (const [first, last] of without(start, end, from, from + length))
					this.#kernel.poke(region.addr + BigInt(first), region.bytes.subarray(first, last));
			region.dirty = [];
		}
	}

	#find(addr: bigint, length: number): Region | undefined {
		return this.#regions.find((one) => addr >= one.addr && addr + BigInt(length) <= one.addr + BigInt(one.bytes.length));
	}
}

/** The parts of [start, end) outside of [from, to). */
function without(start: number, end: number, from: number, to: number): [number, number][] {
	if (to <= start || from >= end || from === to) return [[start, end]];
	const parts: [number, number][] = [
		[start, from],
		[to, end],
	];
	return parts.filter(([first, last]) => last > first);
}

function joined(ranges: readonly [number, number][]): [number, number][] {
	const all: [number, number][] = [];
	for (const [start, end] of [...ranges].sort(([a], [b]) => a - b)) {
		const last = all.at(-1);
		if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
		else all.push([start, end]);
	}
	return all;
}
