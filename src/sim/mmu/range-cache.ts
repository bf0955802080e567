/** The LRU cache of translated address ranges that every TLB is made of. */
import type { Range } from "../../formats/ranges.js";

/** The key of one entry: an aligned range of one address space. */
export interface RangeKey {
	/** VT-d or AMD domain ID, SMMUv3 VMID; always 0 in a device's own cache */
	readonly domain: number;
	/** PASID or ASID */
	readonly context: number;
	readonly first: bigint;
	/** log2 of the bytes, at least 12 */
	readonly shift: number;
	/** shared by every context of the domain */
	readonly global?: boolean;
}

export interface RangeEntry<V> extends RangeKey {
	readonly value: V;
}

/** Selects entries; an absent field matches everything. */
export interface RangeSelector {
	readonly domain?: number;
	readonly context?: number;
	/** entries that overlap it */
	readonly range?: Range;
	/** leave global entries alone */
	readonly keepGlobals?: boolean;
}

interface Node<V> {
	readonly entry: RangeEntry<V>;
	readonly space: Space<V>;
	readonly pages: Pages<V>;
	readonly page: number;
	newer?: Node<V>;
	older?: Node<V>;
}

/** The entries of one size. */
interface Pages<V> {
	readonly shift: number;
	/** pages of 4 KiB per entry, to divide by: shifts of numbers are limited to 32 bits */
	readonly span: number;
	readonly byPage: Map<number, Node<V>>;
}

interface Space<V> {
	readonly domain: number;
	readonly context: number;
	readonly global: boolean;
	/** smallest size first */
	readonly sizes: Pages<V>[];
}

/** stands for "every context" in the key of a space */
const GLOBAL = 0x1f_ffff;
const keyOf = (domain: number, context: number) => domain * 0x20_0000 + context;

/** A bounded cache of address ranges that evicts the least recently used entry. */
export class RangeCache<V> {
	readonly #spaces = new Map<number, Space<V>>();
	#globals = 0;
	#size = 0;
	#newest?: Node<V>;
	#oldest?: Node<V>;
	evictions = 0;

	/** `capacity`: entries; 0: nothing is cached */
	constructor(readonly capacity: number) {}

	get size(): number {
		return this.#size;
	}

	/** The smallest range that contains an address; it becomes the newest. */
	find(domain: number, context: number, address: bigint): RangeEntry<V> | undefined {
		const page = Number(address >> 12n);
		const node = this.#findIn(keyOf(domain, context), page) ?? (this.#globals > 0 ? this.#findIn(keyOf(domain, GLOBAL), page) : undefined);
		if (!node) return undefined;
		if (node !== this.#newest) {
			this.#unlink(node);
			this.#link(node);
		}
		return node.entry;
	}

	#findIn(key: number, page: number): Node<V> | undefined {
		const space = this.#spaces.get(key);
		if (!space) return undefined;
		for (const pages of space.sizes) {
			const node = pages.byPage.get(pages.span === 1 ? page : Math.floor(page / pages.span));
			if (node) return node;
		}
		return undefined;
	}

	add(entry: RangeEntry<V>): void {
		if (this.capacity === 0) return;
		const context = entry.global ? GLOBAL : entry.context;
		const key = keyOf(entry.domain, context);
		let space = this.#spaces.get(key);
		if (!space) {
			space = { domain: entry.domain, context, global: entry.global === true, sizes: [] };
			this.#spaces.set(key, space);
		}
		let pages = space.sizes.find((p) => p.shift === entry.shift);
		if (!pages) {
			pages = { shift: entry.shift, span: 2 ** (entry.shift - 12), byPage: new Map() };
			space.sizes.push(pages);
			space.sizes.sort((a, b) => a.shift - b.shift);
		}
		const page = Math.floor(Number(entry.first >> 12n) / pages.span);
		const old = pages.byPage.get(page);
		if (old) this.#remove(old);
		else if (this.#size >= this.capacity && this.#oldest) {
			this.#remove(this.#oldest);
			this.evictions++;
		}
		// removing may have dropped the space with its last entry
		this.#spaces.set(key, space);
		if (!space.sizes.includes(pages)) {
			space.sizes.push(pages);
			space.sizes.sort((a, b) => a.shift - b.shift);
		}
		const node: Node<V> = { entry, space, pages, page };
		pages.byPage.set(page, node);
		this.#link(node);
		this.#size++;
		if (space.global) this.#globals++;
	}

	/** Drops the selected entries. Returns how many. */
	invalidate(selector: RangeSelector): number {
		const nodes = [...this.#select(selector)];
		for (const node of nodes) this.#remove(node);
		return nodes.length;
	}

	/** What `invalidate` would drop. */
	select(selector: RangeSelector): RangeEntry<V>[] {
		return Array.from(this.#select(selector), (node) => node.entry);
	}

	/** All entries, oldest first. */
	*entries(): Iterable<RangeEntry<V>> {
		for (let node = this.#oldest; node; node = node.newer) yield node.entry;
	}

	*#select({ domain, context, range, keepGlobals }: RangeSelector): Iterable<Node<V>> {
		for (const space of this.#spacesOf(domain, context)) {
			if (keepGlobals && space.global) continue;
			for (const pages of space.sizes) {
				if (range) yield* overlapping(pages, range);
				else yield* pages.byPage.values();
			}
		}
	}

	*#spacesOf(domain?: number, context?: number): Iterable<Space<V>> {
		if (domain !== undefined && context !== undefined) {
			for (const c of [context, GLOBAL]) {
				const space = this.#spaces.get(keyOf(domain, c));
				if (space) yield space;
			}
			return;
		}
		for (const space of this.#spaces.values()) {
			if (domain !== undefined && space.domain !== domain) continue;
			if (context !== undefined && space.context !== context && !space.global) continue;
			yield space;
		}
	}

	#remove(node: Node<V>): void {
		const { space, pages } = node;
		pages.byPage.delete(node.page);
		if (pages.byPage.size === 0) {
			space.sizes.splice(space.sizes.indexOf(pages), 1);
			if (space.sizes.length === 0) this.#spaces.delete(keyOf(space.domain, space.context));
		}
		if (space.global) this.#globals--;
		this.#size--;
		this.#unlink(node);
	}

	#link(node: Node<V>): void {
		node.older = this.#newest;
		node.newer = undefined;
		if (this.#newest) this.#newest.newer = node;
		else this.#oldest = node;
		this.#newest = node;
	}

	#unlink(node: Node<V>): void {
		if (node.newer) node.newer.older = node.older;
		else this.#newest = node.older;
		if (node.older) node.older.newer = node.newer;
		else this.#oldest = node.newer;
	}
}

function* overlapping<V>(pages: Pages<V>, range: Range): Iterable<Node<V>> {
	const first = Math.floor(Number(range.first >> 12n) / pages.span);
	const last = Math.floor(Number(range.last >> 12n) / pages.span);
	if (last - first < pages.byPage.size) {
		for (let page = first; page <= last; page++) {
			const node = pages.byPage.get(page);
			if (node) yield node;
		}
		return;
	}
	for (const [page, node] of pages.byPage) if (page >= first && page <= last) yield node;
}
