/** The nodes of an interval set's B+ tree, kept in one array. */

/** Slots of a node. */
export const ORDER = 62;
/** A node with fewer used slots is merged with a neighbour where both fit into one. */
export const FEW = 16;

/**
 * A node's cells: four rows with one cell for each slot. Two cells that no slot uses hold the node's count and height
 * (0 where its slots are intervals).
 */
const ROW = 64;
/** row: key of a slot's last IOVA */
export const LAST = 0;
/** row, at height 0: key of a slot's first IOVA */
export const START = ROW;
/** row: key of the widest hole before an interval of a slot */
export const GAP = 2 * ROW;
/** row: a slot's interval, by number, or its node */
export const REF = 3 * ROW;
const COUNT = ROW - 1;
const HEIGHT = 2 * ROW - 1;
const NODE = 4 * ROW;

const NOTHING = new Float64Array(0);

/**
 * The nodes of a tree, one after another in one piece of memory: a node is half a page, and searching it touches
 * nothing else. A node is named by the index of its first cell.
 */
export class NodePool {
	cells = NOTHING;
	#used = 0;
	#free: number[] = [];

	/** Existing nodes keep their names, but `cells` may be a different array afterwards. */
	make(height: number): number {
		let node = this.#free.pop();
		if (node === undefined) {
			node = this.#used;
			this.#used += NODE;
			if (this.#used > this.cells.length) {
				const more = new Float64Array(Math.max(NODE, this.cells.length * 2));
				more.set(this.cells);
				this.cells = more;
			}
		}
		this.cells[node + COUNT] = 0;
		this.cells[node + HEIGHT] = height;
		return node;
	}

	free(node: number): void {
		this.#free.push(node);
	}

	clear(): void {
		// A set that becomes empty again and again keeps its one node.
		if (this.cells.length > NODE) this.cells = NOTHING;
		this.#used = 0;
		this.#free = [];
	}

	// `| 0` makes names and counts integers to the compiler too, so that indexing with them is cheap.
	count(node: number): number {
		return this.cells[node + COUNT] | 0;
	}

	height(node: number): number {
		return this.cells[node + HEIGHT] | 0;
	}

	/** The node (or the number of the interval) in a slot. */
	child(node: number, at: number): number {
		return this.cells[node + REF + at] | 0;
	}

	/** Key of the last IOVA of a node. */
	lastKey(node: number): number {
		return this.cells[node + LAST + this.count(node) - 1];
	}

	/** Make room for one more slot; the caller fills in its cells. */
	open(node: number, at: number): void {
		const count = this.count(node);
		for (let row = node; row < node + NODE; row += ROW) this.cells.copyWithin(row + at + 1, row + at, row + count);
		this.cells[node + COUNT] = count + 1;
	}

	drop(node: number, at: number): void {
		const count = this.count(node);
		for (let row = node; row < node + NODE; row += ROW) this.cells.copyWithin(row + at, row + at + 1, row + count);
		this.cells[node + COUNT] = count - 1;
	}

	/** Move another node's slots, from `from` on, to the end of this one. */
	take(node: number, other: number, from: number): void {
		const { cells } = this;
		const count = this.count(node);
		const moved = this.count(other) - from;
		for (let row = 0; row < NODE; row += ROW) cells.copyWithin(node + row + count, other + row + from, other + row + from + moved);
		cells[node + COUNT] = count + moved;
		cells[other + COUNT] = from;
	}
}

const words = new BigUint64Array(1);
const halves = new Uint32Array(words.buffer);

/**
 * A 64-bit value as a double: rounding may give two values the same key, but never changes their order. Comparing
 * doubles side by side in memory is many times faster than following BigInts.
 */
export function toKey(value: bigint): number {
	words[0] = value;
	return halves[1] * 2 ** 32 + halves[0];
}
