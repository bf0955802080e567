/** A table of values by the bytes of lines, for lines that come again and again: found without making strings of them. */
import { viewOf } from "./hex.js";

/** The most bytes of lines that are kept; with more, the table begins anew. */
const MOST_BYTES = 8 << 20;
const LONGEST_LINE = 1 << 16;
const FIRST_BYTES = 1 << 16;
const FIRST_SLOTS = 1 << 10;

/** Values by lines. A line that was looked for last, and not found, can be added. */
export class LineTable<T> {
	/** the lines, one after another, and where each ends */
	#kept = Buffer.allocUnsafe(FIRST_BYTES);
	#keptView = viewOf(this.#kept);
	#used = 0;
	#ends: number[] = [];
	#values: T[] = [];
	/** pairs, by hash: the hash, and one more than the index of its entry, or 0; a taken slot leads on to the next one */
	#slots = new Int32Array(2 * FIRST_SLOTS);
	#wanted = 0;
	#from: Buffer = this.#kept;
	#view = this.#keptView;

	/** The value of the line of `bytes` from `start` up to `end`. */
	find(bytes: Buffer, start: number, end: number): T | undefined {
		if (bytes !== this.#from) {
			this.#from = bytes;
			this.#view = viewOf(bytes);
		}
		const view = this.#view;
		// Two sums, as the next step of one need not wait for the other's.
		let hash = end - start;
		let other = 0;
		let at = start;
		for (; at + 8 <= end; at += 8) {
			hash = Math.imul(hash ^ view.getInt32(at, true), 0x2c1b3c6d);
			other = Math.imul(other ^ view.getInt32(at + 4, true), 0x297a2d39);
		}
		for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x2c1b3c6d);
		hash ^= (other << 16) | (other >>> 16);
		hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
		hash ^= hash >>> 13;
		this.#wanted = hash;
		const slots = this.#slots;
		const mask = slots.length - 1;
		for (let slot = (2 * hash) & mask; ; slot = (slot + 2) & mask) {
			const index = slots[slot + 1] - 1;
			if (index < 0) return undefined;
			if (slots[slot] === hash && this.#is(index, view, start, end)) return this.#values[index];
		}
	}

	/** Keeps a value for the line that `find` was last asked for, and did not find. */
	add(bytes: Buffer, start: number, end: number, value: T): void {
		const length = end - start;
		if (length > LONGEST_LINE) return;
		if (this.#used + length > MOST_BYTES) this.#clear();
		if (this.#used + length > this.#kept.length) this.#growTo(this.#used + length);
		bytes.copy(this.#kept, this.#used, start, end);
		this.#used += length;
		this.#ends.push(this.#used);
		this.#values.push(value);
		place(this.#slots, this.#wanted, this.#values.length);
		if (this.#values.length * 4 > this.#slots.length) this.#spread();
	}

	#is(index: number, view: DataView, start: number, end: number): boolean {
		const keptEnd = this.#ends[index];
		let kept = index === 0 ? 0 : this.#ends[index - 1];
		if (keptEnd - kept !== end - start) return false;
		const own = this.#keptView;
		let at = start;
		for (; at + 8 <= end; at += 8, kept += 8)
			if (own.getInt32(kept, true) !== view.getInt32(at, true) || own.getInt32(kept + 4, true) !== view.getInt32(at + 4, true))
				return false;
		for (; at < end; at++, kept++) if (own.getUint8(kept) !== view.getUint8(at)) return false;
		return true;
	}

	#spread(): void {
		const before = this.#slots;
		this.#slots = new Int32Array(2 * before.length);
		for (let slot = 0; slot < before.length; slot += 2) if (before[slot + 1] !== 0) place(this.#slots, before[slot], before[slot + 1]);
	}

	#growTo(bytes: number): void {
		const more = Buffer.allocUnsafeSlow(Math.max(bytes, this.#kept.length * 2));
		this.#kept.copy(more, 0, 0, this.#used);
		this.#kept = more;
		this.#keptView = viewOf(more);
	}

	#clear(): void {
		this.#used = 0;
		this.#ends = [];
		this.#values = [];
		this.#slots = new Int32Array(2 * FIRST_SLOTS);
	}
}

/** Takes the first free slot for a hash. */
function place(slots: Int32Array, hash: number, entry: number): void {
	const mask = slots.length - 1;
	let slot = (2 * hash) & mask;
	while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
	slots[slot] = hash;
	slots[slot + 1] = entry;
}
