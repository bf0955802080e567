/** Hands out numbers, lowest free first, and maps each to its value. */
export class IdPool<T> {
	readonly #items = new Map<number, T>();
	/** numbers below `#next` that are free: a binary heap, the lowest first */
	readonly #free: number[] = [];
	#next: number;

	#first: number;

	constructor(first: number) {
		this.#first = first;
		this.#next = first;
	}

	get size(): number {
		return this.#items.size;
	}

	[Symbol.iterator](): Iterator<[number, T]> {
		return this.#items[Symbol.iterator]();
	}

	/** The numbers that the next `count` calls of `add` return. */
	upcoming(count: number): number[] {
		const numbers = count === 0 ? [] : [...this.#free].sort((a, b) => a - b).slice(0, count);
		for (let next = this.#next; numbers.length < count; next++) numbers.push(next);
		return numbers;
	}

	add(item: T): number {
		const id = this.#free.length > 0 ? this.#takeLowest() : this.#next++;
		this.#items.set(id, item);
		return id;
	}

	get(id: number): T | undefined {
		return this.#items.get(id);
	}

	/** Free a number and return its value, if it had one. */
	delete(id: number): T | undefined {
		const item = this.#items.get(id);
		if (item === undefined) return undefined;
		this.#items.delete(id);
		if (this.#items.size > 0) this.#give(id);
		else {
			this.#free.length = 0;
			this.#next = this.#first;
		}
		return item;
	}

	/** Frees 0 in a pool that starts at 1, although it was not in use. As in Linux, it is a number like any other from then on, unless the pool is empty. */
	freeZero(): void {
		if (this.#items.size === 0 || this.#first === 0) return;
		this.#first = 0;
		this.#give(0);
	}

	#give(id: number): void {
		const free = this.#free;
		let at = free.length;
		for (let up = (at - 1) >> 1; at > 0 && free[up] > id; up = (at - 1) >> 1) {
			free[at] = free[up];
			at = up;
		}
		free[at] = id;
	}

	#takeLowest(): number {
		const free = this.#free;
		const lowest = free[0];
		const last = free.pop() as number;
		if (free.length === 0) return lowest;
		let at = 0;
		for (let down = 1; down < free.length; down = 2 * at + 1) {
			if (free[down + 1] < free[down]) down++;
			if (free[down] >= last) break;
			free[at] = free[down];
			at = down;
		}
		free[at] = last;
		return lowest;
	}
}
