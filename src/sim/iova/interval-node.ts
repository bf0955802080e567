import type { HoleSearch, Interval } from "./interval-set.js";

/** Slots of a node. */
const ORDER = 64;
/** A node with fewer is merged with a neighbour where both fit into one. */
const FEW = 16;

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

/** A node of the tree: its slots hold intervals at height 0, nodes above. */
export class TreeNode<T extends Interval> {
	readonly slots: (T | TreeNode<T>)[] = [];
	/** key of the last IOVA of each slot */
	readonly keys: number[] = [];
	/** key of the widest hole before an interval of each slot; that before the first one counts from 0 */
	readonly gaps: number[] = [];

	constructor(readonly height: number) {}

	/** The first slot with an IOVA at or after `start`. */
	lowerBound(start: bigint, key: number): number {
		const { keys } = this;
		let low = 0;
		let high = keys.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (keys[middle] < key) low = middle + 1;
			else high = middle;
		}
		// Equal keys say nothing: look at the values.
		while (low < keys.length && keys[low] === key && this.#lastOf(low) < start) low++;
		return low;
	}

	/** `left` is the node whose last interval is before this one's first. What did not fit any more comes back as a right sibling. */
	insert(item: T, key: number, left: TreeNode<T> | undefined): TreeNode<T> | undefined {
		const { slots } = this;
		let at = this.lowerBound(item.start, key);
		if (this.height === 0) {
			slots.splice(at, 0, item);
			this.keys.splice(at, 0, toKey(item.last));
			this.gaps.splice(at, 0, 0);
			this.#measureSlot(at, left);
			if (at + 1 < slots.length) this.#measureSlot(at + 1, left);
		} else {
			if (at === slots.length) at--;
			const child = slots[at] as TreeNode<T>;
			const sibling = child.insert(item, key, this.#leftOf(at, left));
			this.#sum(at);
			if (sibling !== undefined) this.adopt(sibling, at + 1);
		}
		return slots.length > ORDER ? this.#split(at) : undefined;
	}

	/** Take out the interval at `start`, which is here. The hole before the next one is left for `measure`. */
	delete(start: bigint, key: number): void {
		const at = this.lowerBound(start, key);
		if (this.height === 0) {
			this.#drop(at);
			return;
		}
		const child = this.slots[at] as TreeNode<T>;
		child.delete(start, key);
		if (child.slots.length === 0) this.#drop(at);
		else {
			this.#sum(at);
			if (child.slots.length < FEW && !this.#merge(at)) this.#merge(at - 1);
		}
	}

	/** Measure the hole before the first interval at or after `start` anew. */
	measure(start: bigint, key: number, left: TreeNode<T> | undefined): void {
		const at = this.lowerBound(start, key);
		if (at === this.slots.length) return;
		if (this.height === 0) {
			this.#measureSlot(at, left);
			return;
		}
		(this.slots[at] as TreeNode<T>).measure(start, key, this.#leftOf(at, left));
		this.#sum(at);
	}

	/** What `fits` answered; null: the range ends here; undefined: no hole so far. `bounded`: the range starts in here. */
	findHole(search: HoleSearch, bounded: boolean, left: TreeNode<T> | undefined): bigint | null | undefined {
		const { slots, gaps } = this;
		const { wanted } = search;
		const first = bounded ? this.lowerBound(search.start, toKey(search.start)) : 0;
		for (let i = first; i < slots.length; i++) {
			if (gaps[i] < wanted) continue;
			const found =
				this.height > 0
					? (slots[i] as TreeNode<T>).findHole(search, bounded && i === first, this.#leftOf(i, left))
					: holeBefore(slots[i] as T, this.#before(i, left), search);
			if (found !== undefined) return found;
		}
		return undefined;
	}

	/** Put a node into a slot of its parent. */
	adopt(child: TreeNode<T>, at: number): void {
		this.slots.splice(at, 0, child);
		this.keys.splice(at, 0, 0);
		this.gaps.splice(at, 0, 0);
		this.#sum(at);
	}

	lastItem(): T | undefined {
		let node: TreeNode<T> = this;
		while (node.height > 0) node = node.slots[node.slots.length - 1] as TreeNode<T>;
		return node.slots[node.slots.length - 1] as T | undefined;
	}

	*each(): Generator<T, undefined> {
		if (this.height === 0) yield* this.slots as T[];
		else for (const child of this.slots) yield* (child as TreeNode<T>).each();
	}

	#lastOf(at: number): bigint {
		const slot = this.slots[at];
		return this.height === 0 ? (slot as T).last : ((slot as TreeNode<T>).lastItem() as T).last;
	}

	/** Of a node's slot: what is `left` of it. */
	#leftOf(at: number, left: TreeNode<T> | undefined): TreeNode<T> | undefined {
		return at > 0 ? (this.slots[at - 1] as TreeNode<T>) : left;
	}

	/** Of a leaf's slot: the interval before it. */
	#before(at: number, left: TreeNode<T> | undefined): T | undefined {
		return at > 0 ? (this.slots[at - 1] as T) : left?.lastItem();
	}

	#measureSlot(at: number, left: TreeNode<T> | undefined): void {
		const before = this.#before(at, left);
		const { start } = this.slots[at] as T;
		this.gaps[at] = toKey(before === undefined ? start : start - before.last - 1n);
	}

	/** What a slot's node says of itself, noted here. */
	#sum(at: number): void {
		const { keys, gaps } = this.slots[at] as TreeNode<T>;
		let widest = 0;
		for (let i = 0; i < gaps.length; i++) if (gaps[i] > widest) widest = gaps[i];
		this.gaps[at] = widest;
		this.keys[at] = keys[keys.length - 1];
	}

	/** Behind the last slot little is put later, so that rising inserts leave full nodes. */
	#split(inserted: number): TreeNode<T> {
		const at = inserted >= this.slots.length - 2 ? ORDER - 2 : ORDER >> 1;
		const right = new TreeNode<T>(this.height);
		this.#move(at, right);
		return right;
	}

	#move(from: number, to: TreeNode<T>): void {
		to.slots.push(...this.slots.splice(from));
		to.keys.push(...this.keys.splice(from));
		to.gaps.push(...this.gaps.splice(from));
	}

	/** Merge two neighbours where they fit into one. */
	#merge(at: number): boolean {
		const left = this.slots[at] as TreeNode<T> | undefined;
		const right = this.slots[at + 1] as TreeNode<T> | undefined;
		if (left === undefined || right === undefined || left.slots.length + right.slots.length > ORDER) return false;
		right.#move(0, left);
		this.#drop(at + 1);
		this.#sum(at);
		return true;
	}

	#drop(at: number): void {
		this.slots.splice(at, 1);
		this.keys.splice(at, 1);
		this.gaps.splice(at, 1);
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
