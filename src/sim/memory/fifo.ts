/** A first-in-first-out queue with constant-time access to both ends. */
export class Fifo<T> {
	#items: T[] = [];
	#head = 0;

	get size(): number {
		return this.#items.length - this.#head;
	}

	get first(): T | undefined {
		return this.#items[this.#head];
	}

	get last(): T | undefined {
		return this.size > 0 ? this.#items[this.#items.length - 1] : undefined;
	}

	/** All items, the oldest first. */
	items(): readonly T[] {
		return this.#items.slice(this.#head);
	}

	/** The oldest `count` items, or as many as there are. */
	head(count: number): T[] {
		return this.#items.slice(this.#head, this.#head + count);
	}

	push(item: T): void {
		this.#items.push(item);
	}

	/** Put back at the front. */
	unshift(item: T): void {
		if (this.#head > 0) this.#items[--this.#head] = item;
		else this.#items.unshift(item);
	}

	shift(): T | undefined {
		const item = this.first;
		if (this.size === 0) return undefined;
		this.#head++;
		if (this.#head > 1024 && this.#head * 2 > this.#items.length) this.#compact();
		return item;
	}

	/** Remove the newest. */
	pop(): void {
		if (this.size > 0) this.#items.pop();
		if (this.size === 0) this.#compact();
	}

	/** Remove and return those for which `test` holds, in order. */
	removeIf(test: (item: T) => boolean): T[] {
		const removed: T[] = [];
		const kept: T[] = [];
		for (let i = this.#head; i < this.#items.length; i++) (test(this.#items[i]) ? removed : kept).push(this.#items[i]);
		this.#items = kept;
		this.#head = 0;
		return removed;
	}

	#compact(): void {
		this.#items = this.#items.slice(this.#head);
		this.#head = 0;
	}
}
