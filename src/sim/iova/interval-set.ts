/** A stretch of IOVA, `last` inclusive. */
export interface Interval {
	readonly start: bigint;
	readonly last: bigint;
}

export const IOVA_MAX = (1n << 64n) - 1n;

/** Intervals that do not overlap, in rising order. */
export class IntervalSet<T extends Interval> {
	#items: T[] = [];

	get size(): number {
		return this.#items.length;
	}

	[Symbol.iterator](): Iterator<T> {
		return this.#items[Symbol.iterator]();
	}

	/** The caller has checked that nothing overlaps. */
	insert(item: T): void {
		this.#items.splice(this.#index(item.start), 0, item);
	}

	delete(item: T): void {
		const at = this.#index(item.start);
		if (this.#items[at] === item) this.#items.splice(at, 1);
	}

	/** The lowest interval that has an IOVA in [start, last]. */
	first(start: bigint, last: bigint): T | undefined {
		const item = this.#items[this.#index(start)];
		return item !== undefined && item.start <= last ? item : undefined;
	}

	/**
	 * The lowest hole-by-hole answer: `fits` is asked for every hole of [start, last] of at least
	 * `length` bytes, in rising order, until it answers.
	 */
	firstHole(
		start: bigint,
		last: bigint,
		length: bigint,
		fits: (start: bigint, last: bigint) => bigint | undefined,
	): bigint | undefined {
		let at = start;
		for (let i = this.#index(start); at <= last; i++) {
			const item = this.#items[i];
			const end = item === undefined || item.start > last ? last : item.start - 1n;
			if (end >= at && end - at >= length - 1n) {
				const found = fits(at, end);
				if (found !== undefined) return found;
			}
			if (item === undefined || item.start > last) return undefined;
			at = item.last + 1n;
		}
		return undefined;
	}

	/** Index of the first interval that ends at `start` or later. */
	#index(start: bigint): number {
		let low = 0;
		let high = this.#items.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#items[middle].last < start) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}
