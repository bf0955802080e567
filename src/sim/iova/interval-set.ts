import { TreeNode, toKey } from "./interval-node.js";

/** A stretch of IOVA, `last` inclusive. */
export interface Interval {
	readonly start: bigint;
	readonly last: bigint;
}

export const IOVA_MAX = (1n << 64n) - 1n;

/** What a search for a hole looks for; `fits` is asked in rising order. */
export interface HoleSearch {
	readonly start: bigint;
	readonly last: bigint;
	readonly length: bigint;
	/** `length` as a key: a hole whose key is below it is too small */
	readonly wanted: number;
	readonly fits: (start: bigint, last: bigint) => bigint | undefined;
}

/** Intervals that do not overlap, in rising order: a tree that knows the widest hole below each node. */
export class IntervalSet<T extends Interval> {
	#root = new TreeNode<T>(0);
	#size = 0;

	get size(): number {
		return this.#size;
	}

	/** Nothing may be inserted or deleted meanwhile. */
	[Symbol.iterator](): Iterator<T> {
		return this.#root.each();
	}

	/** The caller has checked that nothing overlaps. */
	insert(item: T): void {
		const sibling = this.#root.insert(item, toKey(item.start), undefined);
		this.#size++;
		if (sibling === undefined) return;
		const root = new TreeNode<T>(this.#root.height + 1);
		root.adopt(this.#root, 0);
		root.adopt(sibling, 1);
		this.#root = root;
	}

	delete(item: T): void {
		const { start } = item;
		const key = toKey(start);
		if (this.first(start, start) !== item) return;
		const gap = this.#root.delete(start, key, undefined);
		this.#size--;
		while (this.#root.height > 0 && this.#root.count < 2)
			this.#root = (this.#root.slots[0] as TreeNode<T> | undefined) ?? new TreeNode<T>(0);
		if (gap === undefined) this.#root.measure(start, key, undefined);
	}

	/** The lowest interval that has an IOVA in [start, last]. */
	first(start: bigint, last: bigint): T | undefined {
		const key = toKey(start);
		let node = this.#root;
		for (;;) {
			const at = node.lowerBound(start, key);
			const slot = node.slots[at];
			if (node.height > 0 && slot !== undefined) {
				node = slot as TreeNode<T>;
				continue;
			}
			// The value itself is far away: the key tells nearly always.
			if (slot === undefined || node.starts[at] > toKey(last)) return undefined;
			return (slot as T).start <= last ? (slot as T) : undefined;
		}
	}

	/**
	 * The lowest hole-by-hole answer: `fits` is asked for every hole of [start, last] of at least
	 * `length` bytes, in rising order, until it answers.
	 */
	firstHole(start: bigint, last: bigint, length: bigint, fits: (start: bigint, last: bigint) => bigint | undefined): bigint | undefined {
		if (start > last) return undefined;
		const search: HoleSearch = { start, last, length, wanted: toKey(length), fits };
		const found = this.#root.findHole(search, true, undefined);
		if (found !== undefined) return found ?? undefined;
		// What is left is behind them all.
		const end = this.#root.lastItem()?.last ?? -1n;
		const from = end >= start ? end + 1n : start;
		return from <= last && last - from >= length - 1n ? fits(from, last) : undefined;
	}
}
