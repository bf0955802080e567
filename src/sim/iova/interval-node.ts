import type { HoleSearch, Interval } from "./interval-set.js";

/** Slots of a node. */
const ORDER = 64;
/** A node with fewer is merged with a neighbour where both fit into one. */
const FEW = 16;

/** Keys below it are the values themselves. */
const EXACT = 2 ** 53;

const words = new BigUint64Array(1);
const halves = new Uint32Array(words.buffer);

/**
 * A 64-bit value as a double: rounded, so that two values may have one key, but never in the wrong
 * order. Comparing doubles side by side in memory is many times faster than following BigInts.
 */
export function toKey(value: bigint): number {
	words[0] = value;
	return halves[1] * 2 ** 32 + halves[0];
}

/** An empty list that will hold doubles side by side. */
function doubles(): number[] {
	return [0.5];
}

/** A node of the tree: its slots hold intervals at height 0, nodes above. */
export class TreeNode<T extends Interval> {
	count = 0;
	readonly slots: (T | TreeNode<T> | undefined)[] = [undefined];
	/** key of the last IOVA of each slot */
	readonly keys = doubles();
	/** at height 0: key of the first IOVA of each slot */
	readonly starts: number[];
	/** key of the widest hole before an interval of each slot; that before the first one counts from 0 */
	readonly gaps = doubles();

	constructor(readonly height: number) {
		this.starts = height === 0 ? doubles() : [];
	}

	/** The first slot with an IOVA at or after `start`. */
	lowerBound(start: bigint, key: number): number {
		const { keys, count } = this;
		let low = 0;
		while (low + 8 < count && keys[low + 7] < key) low += 8;
		while (low < count && keys[low] < key) low++;
		// Equal keys say nothing: look at the values.
		while (low < count && keys[low] === key && this.#lastOf(low) < start) low++;
		return low;
	}

	/** `left` is the node whose last interval is before this one's first. What did not fit any more comes back as a right sibling. */
	insert(item: T, key: number, left: TreeNode<T> | undefined): TreeNode<T> | undefined {
		let at = this.lowerBound(item.start, key);
		if (this.height === 0) {
			this.#open(at);
			this.slots[at] = item;
			this.keys[at] = toKey(item.last);
			this.starts[at] = key;
			this.#measureSlot(at, left);
			if (at + 1 < this.count) this.#measureSlot(at + 1, left);
		} else {
			const behind = at === this.count;
			if (behind) at--;
			const sibling = this.#child(at).insert(item, key, this.#leftOf(at, left));
			// A hole that was divided is no wider than before.
			this.#sum(at, behind ? Infinity : this.gaps[at]);
			if (sibling !== undefined) this.adopt(sibling, at + 1);
		}
		return this.count > ORDER ? this.#split(at) : undefined;
	}

	/**
	 * Take out the interval at `start`, which is here. The hole that is there now, or undefined if the
	 * next interval is in another leaf: then `measure` has to follow.
	 */
	delete(start: bigint, key: number, left: TreeNode<T> | undefined): number | undefined {
		const at = this.lowerBound(start, key);
		if (this.height === 0) {
			this.#drop(at);
			return at < this.count ? this.#measureSlot(at, left) : undefined;
		}
		const child = this.#child(at);
		const gap = child.delete(start, key, this.#leftOf(at, left));
		if (child.count === 0) this.#drop(at);
		else {
			if (gap === undefined) this.#sum(at);
			else this.#raise(at, gap);
			if (child.count < FEW && !this.#merge(at)) this.#merge(at - 1);
		}
		return gap;
	}

	/** Measure the hole before the first interval at or after `start` anew: it has grown. */
	measure(start: bigint, key: number, left: TreeNode<T> | undefined): number {
		const at = this.lowerBound(start, key);
		if (at === this.count) return 0;
		if (this.height === 0) return this.#measureSlot(at, left);
		const gap = this.#child(at).measure(start, key, this.#leftOf(at, left));
		this.#raise(at, gap);
		return gap;
	}

	/** What `fits` answered; null: the range ends here; undefined: no hole so far. `bounded`: the range starts in here. */
	findHole(search: HoleSearch, bounded: boolean, left: TreeNode<T> | undefined): bigint | null | undefined {
		const { gaps, count } = this;
		const { wanted } = search;
		const first = bounded ? this.lowerBound(search.start, toKey(search.start)) : 0;
		for (let i = first; i < count; i++) {
			if (gaps[i] < wanted) continue;
			const found =
				this.height > 0
					? this.#child(i).findHole(search, bounded && i === first, this.#leftOf(i, left))
					: holeBefore(this.slots[i] as T, this.#before(i, left), search);
			if (found !== undefined) return found;
		}
		return undefined;
	}

	/** Put a node into a slot of its parent. */
	adopt(child: TreeNode<T>, at: number): void {
		this.#open(at);
		this.slots[at] = child;
		this.#sum(at);
	}

	lastItem(): T | undefined {
		let node: TreeNode<T> = this;
		while (node.height > 0) node = node.#child(node.count - 1);
		return node.slots[node.count - 1] as T | undefined;
	}

	*each(): Generator<T, undefined> {
		for (let i = 0; i < this.count; i++)
			if (this.height === 0) yield this.slots[i] as T;
			else yield* this.#child(i).each();
	}

	#child(at: number): TreeNode<T> {
		return this.slots[at] as TreeNode<T>;
	}

	#lastOf(at: number): bigint {
		return this.height === 0 ? (this.slots[at] as T).last : (this.#child(at).lastItem() as T).last;
	}

	/** Of a node's slot: what is `left` of it. */
	#leftOf(at: number, left: TreeNode<T> | undefined): TreeNode<T> | undefined {
		return at > 0 ? this.#child(at - 1) : left;
	}

	/** Of a leaf's slot: the interval before it. */
	#before(at: number, left: TreeNode<T> | undefined): T | undefined {
		return at > 0 ? (this.slots[at - 1] as T) : left?.lastItem();
	}

	/** The hole before a leaf's slot, noted. */
	#measureSlot(at: number, left: TreeNode<T> | undefined): number {
		const gap = this.#hole(at, left);
		this.gaps[at] = gap;
		return gap;
	}

	#hole(at: number, left: TreeNode<T> | undefined): number {
		const start = this.starts[at];
		if (start < EXACT) return start - 1 - (at > 0 ? this.keys[at - 1] : left === undefined ? -1 : left.keys[left.count - 1]);
		const before = this.#before(at, left);
		const item = this.slots[at] as T;
		return toKey(before === undefined ? item.start : item.start - before.last - 1n);
	}

	/** What a slot's node says of itself, noted here; its widest hole is known not to be above `most`. */
	#sum(at: number, most = Infinity): void {
		const { keys, gaps, count } = this.#child(at);
		let widest = 0;
		for (let i = 0; i < count && widest < most; i++) if (gaps[i] > widest) widest = gaps[i];
		this.gaps[at] = widest;
		this.keys[at] = keys[count - 1];
	}

	#raise(at: number, gap: number): void {
		if (gap > this.gaps[at]) this.gaps[at] = gap;
	}

	/** Behind the last slot little is put later, so that rising inserts leave full nodes. */
	#split(inserted: number): TreeNode<T> {
		const right = new TreeNode<T>(this.height);
		right.#take(this, inserted >= this.count - 2 ? ORDER - 2 : ORDER >> 1);
		return right;
	}

	/** Merge two neighbours where they fit into one. */
	#merge(at: number): boolean {
		if (at < 0 || at + 1 >= this.count) return false;
		const left = this.#child(at);
		const right = this.#child(at + 1);
		if (left.count + right.count > ORDER) return false;
		left.#take(right, 0);
		this.#drop(at + 1);
		this.#sum(at);
		return true;
	}

	/** Append what another node has in its slots from `from` on, and take it away there. */
	#take(other: TreeNode<T>, from: number): void {
		for (let i = from; i < other.count; i++, this.count++) {
			this.#copy(this.count, other, i);
			other.slots[i] = undefined;
		}
		other.count = from;
	}

	#open(at: number): void {
		for (let i = this.count++; i > at; i--) this.#copy(i, this, i - 1);
	}

	#drop(at: number): void {
		this.count--;
		for (let i = at; i < this.count; i++) this.#copy(i, this, i + 1);
		this.slots[this.count] = undefined;
	}

	#copy(to: number, other: TreeNode<T>, from: number): void {
		this.slots[to] = other.slots[from];
		this.keys[to] = other.keys[from];
		this.gaps[to] = other.gaps[from];
		if (this.height === 0) this.starts[to] = other.starts[from];
	}
}

/** Ask about the hole before an interval, as far as it is in the range. */
function holeBefore(item: Interval, before: Interval | undefined, search: HoleSearch): bigint | null | undefined {
	const after = before === undefined ? 0n : before.last + 1n;
	const from = after > search.start ? after : search.start;
	if (from > search.last) return null;
	const end = item.start > search.last ? search.last : item.start - 1n;
	if (end >= from && end - from >= search.length - 1n) {
		const found = search.fits(from, end);
		if (found !== undefined) return found;
	}
	return item.start > search.last ? null : undefined;
}
