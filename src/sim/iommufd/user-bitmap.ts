/** A dirty bitmap in the caller's memory. */
import type { UserMemory } from "../memory/user-memory.js";

/** A caller's bitmap: bit i stands for the i-th page from `start`. Bits are only ever set. */
export class UserBitmap {
	readonly #shift: bigint;

	constructor(
		readonly memory: UserMemory,
		readonly uptr: bigint,
		readonly start: bigint,
		/** inclusive */
		readonly last: bigint,
		pageSize: bigint,
	) {
		let shift = 0n;
		while (!((pageSize >> shift) & 1n)) shift++;
		this.#shift = shift;
	}

	/** Set the bits of [from, to] that are in the bitmap's range; bad memory is ignored. */
	record(from: bigint, to: bigint): void {
		const low = from > this.start ? from : this.start;
		const high = to < this.last ? to : this.last;
		if (low > high) return;
		const lastBit = (high - this.start) >> this.#shift;
		for (let bit = (low - this.start) >> this.#shift; bit <= lastBit; ) {
			const inByte = Number(bit & 7n);
			const count = Math.min(8 - inByte, Number(lastBit - bit) + 1);
			const byte = new Uint8Array(1);
			const addr = this.uptr + (bit >> 3n);
			if (this.memory.read(addr, byte) < 0) return;
			byte[0] |= ((1 << count) - 1) << inByte;
			if (this.memory.write(addr, byte) < 0) return;
			bit += BigInt(count);
		}
	}
}
