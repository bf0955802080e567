/** A table of values by the bytes of lines, for lines that come again and again: found without making strings of them. */

/** The most bytes of lines that are kept; with more, the table begins anew. */
const MOST_BYTES = 8 << 20;
const LONGEST_LINE = 1 << 16;
const FIRST_BYTES = 1 << 16;
const FIRST_SLOTS = 1 << 10;

/** Values by lines. A line that was looked for last, and not found, can be added. */
export class LineTable<T> {
	/** the lines, one after another, and where they begin and end */
	#kept = Buffer.allocUnsafe(FIRST_BYTES);
	#keptView = viewOf(this.#kept);
	#used = 0;
	#starts: number[] = [];
	#ends: number[] = [];
	#hashes: number[] = [];
	#values: T[] = [];
	/** by hash: one more than the index of an entry, or 0; a taken slot leads on to the next one */
	#slots = new Int32Array(FIRST_SLOTS);
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
		let hash = end - start;
		let at = start;
		for (; at + 4 <= end; at += 4) hash = Math.imul((hash << 5) | (hash >>> 27), 0x01000193) ^ view.getInt32(at, true);
		for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
		hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
		hash ^= hash >>> 13;
		this.#wanted = hash;
		const mask = this.#slots.length - 1;
		for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
			const index = this.#slots[slot] - 1;
			if (index < 0) return undefined;
			if (this.#hashes[index] === hash && this.#is(index, view, start, end)) return this.#values[index];
		}
	}

	/** Keeps a value for the line that `find` was last asked for, and did not find. */
	add(bytes: Buffer, start: number, end: number, value: T): void {
		const length = end - start;
		if (length > LONGEST_LINE) return;
		if (this.#used + length > MOST_BYTES) this.#clear();
		if (this.#used + length > this.#kept.length) this.#growTo(this.#used + length);
		bytes.copy(this.#kept, this.#used, start, end);
		const index = this.#values.length;
		this.#starts[index] = this.#used;
		this.#used += length;
		this.#ends[index] = this.#used;
		this.#hashes[index] = this.#wanted;
		this.#values[index] = value;
		if (this.#values.length * 2 > this.#slots.length) this.#spread(this.#slots.length * 2);
		else this.#place(index);
	}

	#is(index: number, view: DataView, start: number, end: number): boolean {
		const keptEnd = this.#ends[index];
		let kept = this.#starts[index];
		if (keptEnd - kept !== end - start) return false;
		const own = this.#keptView;
		let at = start;
		for (; at + 4 <= end; at += 4, kept += 4) if (own.getInt32(kept, true) !== view.getInt32(at, true)) return false;
		for (; at < end; at++, kept++) if (own.getUint8(kept) !== view.getUint8(at)) return false;
		return true;
	}

	#place(index: number): void {
		const mask = this.#slots.length - 1;
		let slot = this.#hashes[index] & mask;
		while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
		this.#slots[slot] = index + 1;
	}

	#spread(slots: number): void {
		this.#slots = new Int32Array(slots);
		for (let index = 0; index < this.#values.length; index++) this.#place(index);
	}

	#growTo(bytes: number): void {
		const more = Buffer.allocUnsafeSlow(Math.max(bytes, this.#kept.length * 2));
		this.#kept.copy(more, 0, 0, this.#used);
		this.#kept = more;
		this.#keptView = viewOf(more);
	}

	#clear(): void {
		this.#used = 0;
		this.#starts = [];
		this.#ends = [];
		this.#hashes = [];
		this.#values = [];
		this.#slots = new Int32Array(FIRST_SLOTS);
	}
}

function viewOf(bytes: Buffer): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
