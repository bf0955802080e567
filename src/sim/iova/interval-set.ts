/** A B+ tree of IOVA intervals with a fast search for holes. */
import { type Fits, type HoleSearch, holeBefore } from "./hole.js";
import type { Interval } from "./interval.js";
import { FEW, GAP, LAST, NodePool, ORDER, REF, START, toKey } from "./node-pool.js";

export { type Interval, IOVA_MAX } from "./interval.js";

/** Keys below this are exact: they equal the values. */
const EXACT = 2 ** 53;
/** No node. */
const NONE = -1;

/**
 * Intervals that do not overlap, in ascending order: a B+ tree that knows the widest hole below each
 * node. In calls down the tree, `left` is the node whose last interval precedes a node's first.
 */
export class IntervalSet<T extends Interval> {
	readonly #nodes = new NodePool();
	#root = NONE;
	/** by number; free numbers are reused, the last freed first */
	#items: (T | undefined)[] = [];
	#free: number[] = [];

	get size(): number {
		return this.#items.length - this.#free.length;
	}

	/** Nothing may be inserted or deleted during the iteration. */
	*[Symbol.iterator](): Generator<T, undefined> {
		if (this.#root !== NONE) yield* this.#each(this.#root);
	}

	/** The caller has checked that nothing overlaps. */
	insert(item: T): void {
		const nodes = this.#nodes;
		if (this.#root === NONE) this.#root = nodes.make(0);
		const id = this.#free.pop() ?? this.#items.length;
		this.#items[id] = item;
		const sibling = this.#insert(this.#root, item, id, toKey(item.start), NONE);
		if (sibling === NONE) return;
		const root = nodes.make(nodes.height(this.#root) + 1);
		this.#adopt(root, this.#root, 0);
		this.#adopt(root, sibling, 1);
		this.#root = root;
	}

	delete(item: T): void {
		const { start } = item;
		const key = toKey(start);
		if (this.first(start, start) !== item) return;
		const nodes = this.#nodes;
		const gap = this.#delete(this.#root, start, key, NONE);
		while (nodes.count(this.#root) < 2 && nodes.height(this.#root) > 0) {
			const child = nodes.child(this.#root, 0);
			nodes.free(this.#root);
			this.#root = child;
		}
		if (nodes.count(this.#root) === 0) {
			nodes.clear();
			this.#root = NONE;
			this.#items = [];
			this.#free = [];
		} else if (gap === undefined) this.#measure(this.#root, start, key, NONE);
	}

	/** The lowest interval that has an IOVA in [start, last]. */
	first(start: bigint, last: bigint): T | undefined {
		const nodes = this.#nodes;
		const key = toKey(start);
		let node = this.#root;
		if (node === NONE) return undefined;
		for (let height = nodes.height(node); ; height--) {
			const at = this.#lowerBound(node, start, key);
			if (at === nodes.count(node)) return undefined;
			if (height === 0) {
				// Following the reference is slow; the key nearly always decides.
				if (nodes.cells[node + START + at] > toKey(last)) return undefined;
				const item = this.#item(node, at);
				return item.start <= last ? item : undefined;
			}
			node = nodes.child(node, at);
		}
	}

	/**
	 * The first answer of `fits`, which is called for every hole of [start, last] of at least `length` bytes, in
	 * ascending order, until it returns one.
	 */
	firstHole(start: bigint, last: bigint, length: bigint, fits: Fits): bigint | undefined {
		if (start > last) return undefined;
		let from = start;
		if (this.#root !== NONE) {
			const found = this.#findHole(this.#root, { start, last, length, wanted: toKey(length), fits }, true, NONE);
			if (found !== undefined) return found ?? undefined;
			// The rest lies behind all intervals.
			const end = this.#lastItem(this.#root).last;
			if (end >= start) from = end + 1n;
		}
		return from <= last && last - from >= length - 1n ? fits(from, last) : undefined;
	}

	/** The first slot with an IOVA at or after `start`. */
	#lowerBound(node: number, start: bigint, key: number): number {
		const { cells } = this.#nodes;
		const end = node + this.#nodes.count(node);
		let at = node;
		while (at + 8 < end && cells[at + 7] < key) at += 8;
		while (at < end && cells[at] < key) at++;
		// Equal keys do not decide: compare the values.
		while (at < end && cells[at] === key && this.#lastOf(node, at - node) < start) at++;
		return at - node;
	}

	/** The new right sibling if the node had to be split, or NONE. */
	#insert(node: number, item: T, id: number, key: number, left: number): number {
		const nodes = this.#nodes;
		let at = this.#lowerBound(node, item.start, key);
		if (nodes.height(node) === 0) {
			nodes.open(node, at);
			nodes.cells[node + REF + at] = id;
			nodes.cells[node + LAST + at] = toKey(item.last);
			nodes.cells[node + START + at] = key;
			this.#measureSlot(node, at, left);
			if (at + 1 < nodes.count(node)) this.#measureSlot(node, at + 1, left);
		} else {
			const behind = at === nodes.count(node);
			if (behind) at--;
			const sibling = this.#insert(nodes.child(node, at), item, id, key, this.#leftOf(node, at, left));
			// Dividing a hole cannot make it wider.
			this.#sum(node, at, behind ? Infinity : nodes.cells[node + GAP + at]);
			if (sibling !== NONE) this.#adopt(node, sibling, at + 1);
		}
		const count = nodes.count(node);
		if (count <= ORDER) return NONE;
		const right = nodes.make(nodes.height(node));
		// An insert at the end moves few slots to the sibling, so that ascending inserts leave full nodes.
		nodes.take(right, node, at >= count - 2 ? ORDER - 2 : ORDER >> 1);
		return right;
	}

	/**
	 * Remove the interval at `start`, which is in this subtree. Returns the hole that it leaves, or undefined if the
	 * next interval is in another leaf: then the caller must call `measure`.
	 */
	#delete(node: number, start: bigint, key: number, left: number): number | undefined {
		const nodes = this.#nodes;
		const at = this.#lowerBound(node, start, key);
		if (nodes.height(node) === 0) {
			const id = nodes.child(node, at);
			this.#items[id] = undefined;
			this.#free.push(id);
			nodes.drop(node, at);
			return at < nodes.count(node) ? this.#measureSlot(node, at, left) : undefined;
		}
		const child = nodes.child(node, at);
		const gap = this.#delete(child, start, key, this.#leftOf(node, at, left));
		const count = nodes.count(child);
		if (count === 0) {
			nodes.free(child);
			nodes.drop(node, at);
		} else {
			if (gap === undefined) this.#sum(node, at);
			else this.#raise(node, at, gap);
			if (count < FEW && !this.#merge(node, at)) this.#merge(node, at - 1);
		}
		return gap;
	}

	/** Measure the hole before the first interval at or after `start` again: it has grown. */
	#measure(node: number, start: bigint, key: number, left: number): number {
		const nodes = this.#nodes;
		const at = this.#lowerBound(node, start, key);
		if (at === nodes.count(node)) return 0;
		if (nodes.height(node) === 0) return this.#measureSlot(node, at, left);
		const gap = this.#measure(nodes.child(node, at), start, key, this.#leftOf(node, at, left));
		this.#raise(node, at, gap);
		return gap;
	}

	/** The answer of `fits`; null: the range ends here; undefined: no hole so far. `bounded`: the range starts in this subtree. */
	#findHole(node: number, search: HoleSearch, bounded: boolean, left: number): bigint | null | undefined {
		const nodes = this.#nodes;
		const { cells } = nodes;
		const { wanted } = search;
		const leaf = nodes.height(node) === 0;
		const count = nodes.count(node);
		const first = bounded ? this.#lowerBound(node, search.start, toKey(search.start)) : 0;
		for (let at = first; at < count; at++) {
			if (cells[node + GAP + at] < wanted) continue;
			const found = leaf
				? holeBefore(this.#item(node, at), this.#before(node, at, left), search)
				: this.#findHole(nodes.child(node, at), search, bounded && at === first, this.#leftOf(node, at, left));
			if (found !== undefined) return found;
		}
		return undefined;
	}

	*#each(node: number): Generator<T, undefined> {
		const nodes = this.#nodes;
		for (let at = 0; at < nodes.count(node); at++)
			if (nodes.height(node) === 0) yield this.#item(node, at);
			else yield* this.#each(nodes.child(node, at));
	}

	#item(leaf: number, at: number): T {
		return this.#items[this.#nodes.child(leaf, at)] as T;
	}

	#lastItem(node: number): T {
		const nodes = this.#nodes;
		let at = node;
		while (nodes.height(at) > 0) at = nodes.child(at, nodes.count(at) - 1);
		return this.#item(at, nodes.count(at) - 1);
	}

	#lastOf(node: number, at: number): bigint {
		const nodes = this.#nodes;
		return (nodes.height(node) === 0 ? this.#item(node, at) : this.#lastItem(nodes.child(node, at))).last;
	}

	/** The `left` of a node's slot. */
	#leftOf(node: number, at: number, left: number): number {
		return at > 0 ? this.#nodes.child(node, at - 1) : left;
	}

	/** The interval before a leaf's slot. */
	#before(leaf: number, at: number, left: number): T | undefined {
		if (at > 0) return this.#item(leaf, at - 1);
		return left === NONE ? undefined : this.#lastItem(left);
	}

	/** Record the hole before a leaf's slot; the hole before the very first interval starts at 0. */
	#measureSlot(leaf: number, at: number, left: number): number {
		const { cells } = this.#nodes;
		const start = cells[leaf + START + at];
		let gap: number;
		if (start < EXACT) {
			const before = at > 0 ? cells[leaf + LAST + at - 1] : left === NONE ? -1 : this.#nodes.lastKey(left);
			gap = start - before - 1;
		} else {
			const item = this.#item(leaf, at);
			const before = this.#before(leaf, at, left);
			gap = toKey(before === undefined ? item.start : item.start - before.last - 1n);
		}
		cells[leaf + GAP + at] = gap;
		return gap;
	}

	/** Put a node into a slot of its parent. */
	#adopt(node: number, child: number, at: number): void {
		this.#nodes.open(node, at);
		this.#nodes.cells[node + REF + at] = child;
		this.#sum(node, at);
	}

	/** Record a child's keys in its slot; its widest hole is known to be at most `most`. */
	#sum(node: number, at: number, most = Infinity): void {
		const nodes = this.#nodes;
		const { cells } = nodes;
		const child = nodes.child(node, at);
		const end = child + GAP + nodes.count(child);
		let widest = 0;
		for (let i = child + GAP; i < end && widest < most; i++) if (cells[i] > widest) widest = cells[i];
		cells[node + GAP + at] = widest;
		cells[node + LAST + at] = nodes.lastKey(child);
	}

	#raise(node: number, at: number, gap: number): void {
		const { cells } = this.#nodes;
		if (gap > cells[node + GAP + at]) cells[node + GAP + at] = gap;
	}

	/** Merge two neighbours where they fit into one. */
	#merge(node: number, at: number): boolean {
		const nodes = this.#nodes;
		if (at < 0 || at + 1 >= nodes.count(node)) return false;
		const left = nodes.child(node, at);
		const right = nodes.child(node, at + 1);
		if (nodes.count(left) + nodes.count(right) > ORDER) return false;
		nodes.take(left, right, 0);
		nodes.free(right);
		nodes.drop(node, at + 1);
		this.#sum(node, at);
		return true;
	}
}
