/** The memory that a program has mapped: exit unmaps it, and only it can be unmapped or poked, as the rest belongs to Node. */
export interface OwnedRange {
	readonly start: bigint;
	/** first byte after it */
	readonly end: bigint;
	/** PROT_READ | PROT_WRITE */
	readonly prot: number;
}

export class OwnedMemory {
	#ranges: OwnedRange[] = [];

	add(start: bigint, end: bigint, prot: number): void {
		this.#ranges.push({ start, end, prot });
		this.#ranges.sort((a, b) => (a.start < b.start ? -1 : 1));
	}

	/** The owned parts of a range, in order of address. */
	within(start: bigint, end: bigint): OwnedRange[] {
		const parts: OwnedRange[] = [];
		for (const range of this.#ranges) {
			if (range.start >= end || range.end <= start) continue;
			parts.push({ start: range.start > start ? range.start : start, end: range.end < end ? range.end : end, prot: range.prot });
		}
		return parts;
	}

	remove(start: bigint, end: bigint): void {
		const left: OwnedRange[] = [];
		for (const range of this.#ranges) {
			if (range.start < start) left.push({ ...range, end: range.end < start ? range.end : start });
			if (range.end > end) left.push({ ...range, start: range.start > end ? range.start : end });
		}
		this.#ranges = left;
	}

	all(): readonly OwnedRange[] {
		return this.#ranges;
	}
}
