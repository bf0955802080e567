/** Numbers handed out lowest free first, with what they stand for. */
export class IdPool<T> {
	readonly #items = new Map<number, T>();
	#lowestFree: number;

	constructor(readonly first: number) {
		this.#lowestFree = first;
	}

	get size(): number {
		return this.#items.size;
	}

	[Symbol.iterator](): Iterator<[number, T]> {
		return this.#items[Symbol.iterator]();
	}

	add(item: T): number {
		let id = this.#lowestFree;
		while (this.#items.has(id)) id++;
		this.#items.set(id, item);
		this.#lowestFree = id + 1;
		return id;
	}

	get(id: number): T | undefined {
		return this.#items.get(id);
	}

	/** Take a number back; what it stood for, if anything. */
	delete(id: number): T | undefined {
		const item = this.#items.get(id);
		if (item === undefined) return undefined;
		this.#items.delete(id);
		if (id < this.#lowestFree) this.#lowestFree = id;
		return item;
	}
}
