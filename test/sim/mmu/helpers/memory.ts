/** Memories for tests of table walks: a sparse one, and one full of garbage. */
import type { PhysMemory } from "../../../../src/sim/mmu/phys-memory.js";

/** Memory for tests: words by address, zero if never written, ending at `end`. */
export class SparseMemory implements PhysMemory {
	readonly words = new Map<bigint, bigint>();
	reads = 0;

	constructor(readonly end: bigint = 1n << 40n) {}

	read64(addr: bigint): bigint | undefined {
		this.reads++;
		if (addr < 0n || addr >= this.end) return undefined;
		return this.words.get(addr) ?? 0n;
	}

	write64(addr: bigint, value: bigint): boolean {
		if (addr < 0n || addr >= this.end) return false;
		this.words.set(addr, value);
		return true;
	}
}

/** Memory full of garbage: every word mixes its address with a seed; bits of `always` are set, those of `never` clear. */
export function garbage(seed: bigint, always: bigint, never: bigint, end: bigint): PhysMemory {
	return {
		read64: (addr) => {
			if (addr < 0n || addr >= end) return undefined;
			let x = BigInt.asUintN(64, (addr ^ seed) * 0x9e37_79b9_7f4a_7c15n);
			x ^= x >> 29n;
			x = BigInt.asUintN(64, x * 0xbf58_476d_1ce4_e5b9n);
			return (x | always) & ~never & 0xffff_ffff_ffff_ffffn;
		},
		write64: (addr) => addr < end,
	};
}
