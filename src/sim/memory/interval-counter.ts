/**
 * How often each index of a line is counted: a piecewise-constant function that costs memory
 * only where it changes. Ranges are [start, end), in pages.
 */

import { BTree } from "./btree.js";
export class IntervalCounter {
	/** boundary -> count from there to the next boundary; before the first it is 0 */
	#counts = new BTree<number, number>(undefined, (a, b) => a - b);

	/** true if every index counts 0 */
	get empty(): boolean {
		return this.#counts.size === 0;
	}

	at(index: number): number {
		return this.#counts.getPairOrNextLower(index)?.[1] ?? 0;
	}

	/** Where in [start, end) the count first differs from `value`; `end`: nowhere. */
	firstOther(start: number, end: number, value: number): number {
		for (let at = start; at < end; at = this.#counts.nextHigherKey(at) ?? end) if (this.at(at) !== value) return at;
		return end;
	}

	/**
	 * Add `delta` (1 or -1) over [start, end). `changed` is told every sub-range whose count
	 * left 0 (delta 1) or came back to 0 (delta -1), in rising order.
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
		// Only the two ends can have become equal to their left neighbour: inside, all moved alike.
		this.#merge(end);
		this.#merge(start);
	}

	/** The runs inside [start, end) whose count is above 0 (or, with `zero`, equal to it), in rising order. */
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
