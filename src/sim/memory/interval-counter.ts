/** Counts users per page index, for pins. */
import { BTree } from "./btree.js";

/**
 * The count is a piecewise-constant function of the index and costs memory only where it changes. Ranges are
 * [start, end), in pages.
 */
export class IntervalCounter {
	/** boundary -> count from there to the next boundary; before the first it is 0 */
	#counts = new BTree<number, number>(undefined, (a, b) => a - b);

	/** true if the count is 0 everywhere */
	get empty(): boolean {
		return this.#counts.size === 0;
	}

	at(index: number): number {
		return this.#counts.getPairOrNextLower(index)?.[1] ?? 0;
	}

	/** The first index in [start, end) whose count differs from `value`; `end` if there is none. */
	firstOther(start: number, end: number, value: number): number {
		for (let at = start; at < end; at = this.#counts.nextHigherKey(at) ?? end) if (this.at(at) !== value) return at;
		return end;
	}

	/**
	 * Add `delta` (1 or -1) over [start, end). `changed` is called for every sub-range whose count
	 * left 0 (delta 1) or returned to 0 (delta -1), in ascending order.
	 */
	add(start: number, end: number, delta: 1 | -1, changed?: (from: number, to: number) => void): void {
		if (end <= start) return;
		this.#split(start);
		this.#split(end);
		const edge = delta === 1 ? 0 : 1;
		const pieces: [number, number][] = [];
		for (const pair of this.#counts.entries(start)) {
			if (pair[0] >= end) break;
			pieces.push([pair[0], pair[1]]);
		}
		for (let i = 0; i < pieces.length; i++) {
			const [from, count] = pieces[i];
			this.#counts.set(from, count + delta);
			if (count === edge) changed?.(from, i + 1 < pieces.length ? pieces[i + 1][0] : end);
		}
		// Only the two ends can have become equal to their left neighbour: inside, all counts changed alike.
		this.#merge(end);
		this.#merge(start);
	}

	/** The runs inside [start, end) whose count is above 0 (with `zero`: equal to 0), in ascending order. */
	*runs(start: number, end: number, zero = false): Generator<[number, number]> {
		let at = start;
		while (at < end) {
			const next = this.#counts.nextHigherKey(at) ?? Number.POSITIVE_INFINITY;
			const to = Math.min(next, end);
			if (this.at(at) > 0 !== zero) yield [at, to];
			at = to;
		}
	}

	#split(at: number): void {
		if (!this.#counts.has(at)) this.#counts.set(at, this.at(at));
	}

	#merge(at: number): void {
		const here = this.#counts.get(at);
		if (here === undefined) return;
		const before = this.#counts.nextLowerPair(at)?.[1] ?? 0;
		if (before === here) this.#counts.delete(at);
	}
}
