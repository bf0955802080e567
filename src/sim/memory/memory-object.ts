/** The memory behind mappings: its interface, and the implementation that keeps the pages in this process. */
import { IntervalCounter } from "./interval-counter.js";

export const PAGE_SHIFT = 12n;
export const PAGE_SIZE = 4096;
export const PAGE_MASK = 0xfffn;

/**
 * The pages of an anonymous mapping or of a file, here or in another process. An object lives as long as a mapping or
 * a pin refers to it. Copies stay within one page; `offset` and `count` are in bytes.
 */
export interface MemoryObject {
	/** size in pages; nothing lies beyond it */
	readonly pages: number;
	/** page frame number of page 0; an object is physically contiguous, except for pages by which it grew */
	readonly frame: number;
	/** device: registers, which cannot be pinned */
	readonly kind: "anonymous" | "memfd" | "device";
	/** how often each page is pinned */
	readonly pins: IntervalCounter;
	/** called for each mapping of it that is added (1) or removed (-1) */
	onMapping: ((change: 1 | -1) => void) | undefined;
	/** Copy `count` bytes at `offset` of a page into `into`, starting at `at`. */
	readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void;
	/** Copy `count` bytes of `from`, starting at `at`, to `offset` of a page. */
	writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void;
	/** Zero `count` bytes at `offset` of a page. */
	clearAt(page: number, offset: number, count: number): void;
	/** Bytes of the physically contiguous, naturally aligned block that a page is in, where that is more than the page. */
	blockAt?(page: number): number;
	/** Its pages can be elsewhere: from now on they are in `store`, as they are now. */
	moveTo?(store: PageStore): void;
	/** The first page at or after `index` that may hold something other than zeroes; Infinity if there is none. */
	nextTouched(index: number): number;
}

/** Pages are cut from chunks of this many: one large chunk costs much less than many small ones. */
const PIECE = 16;

/** Hands out pages of zeroes. */
export class PagePool {
	#piece = new ArrayBuffer(0);
	#cut = 0;

	/** A page of zeroes; it need not be at the start of its buffer. */
	take(): Uint8Array {
		if (this.#cut === this.#piece.byteLength) {
			this.#piece = new ArrayBuffer(PIECE * PAGE_SIZE);
			this.#cut = 0;
		}
		const page = new Uint8Array(this.#piece, this.#cut, PAGE_SIZE);
		this.#cut += PAGE_SIZE;
		return page;
	}
}

/** Copies shorter than this are faster byte by byte than through a view. */
const SHORT = 32;

/** Memory in this process. A page is allocated when it is first written, so an untouched range costs nothing. */
export class LocalObject implements MemoryObject {
	readonly #pages = new Map<number, Uint8Array>();
	/** indices of the touched pages in order; filled in on demand */
	#sorted: Float64Array | undefined;
	readonly pins = new IntervalCounter();
	onMapping: ((change: 1 | -1) => void) | undefined;
	/** bytes of its pages, if they are huge */
	block: number | undefined;

	#count: number;
	/** the ranges by which it grew: the first page of each, and its frame */
	#grown: { readonly page: number; readonly frame: number }[] | undefined;

	constructor(
		pages: number,
		readonly kind: "anonymous" | "memfd",
		/** page frame number of page 0 */
		readonly frame: number,
		readonly pool: PagePool,
	) {
		this.#count = pages;
	}

	get pages(): number {
		return this.#count;
	}

	frameOf(page: number): number {
		const stretch = this.#grown?.findLast((each) => each.page <= page);
		return stretch === undefined ? this.frame + page : stretch.frame + (page - stretch.page);
	}

	/** Grow to `pages` pages; the new ones begin at `frame`. */
	grow(pages: number, frame: number): void {
		this.#grown ??= [];
		this.#grown.push({ page: this.#count, frame });
		this.#count = pages;
	}

	/**
	 * Shrink to `pages` pages. Whoever has pinned one of the others keeps it with its contents; as it is found by its number, it
	 * comes back when the object grows again, where Linux has a new one.
	 */
	shrink(pages: number): void {
		for (const page of [...this.#pages.keys()]) if (page >= pages && this.pins.at(page) === 0) this.#pages.delete(page);
		this.#sorted = undefined;
		this.#grown = this.#grown?.filter((each) => each.page < pages);
		this.#count = pages;
	}

	blockAt(): number {
		return this.block ?? PAGE_SIZE;
	}

	readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void {
		const bytes = this.#pages.get(page);
		if (bytes === undefined) into.fill(0, at, at + count);
		else if (count < SHORT) for (let i = 0; i < count; i++) into[at + i] = bytes[offset + i];
		else into.set(bytes.subarray(offset, offset + count), at);
	}

	writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void {
		const bytes = this.#page(page);
		if (count < SHORT) for (let i = 0; i < count; i++) bytes[offset + i] = from[at + i];
		else bytes.set(from.subarray(at, at + count), offset);
	}

	clearAt(page: number, offset: number, count: number): void {
		this.#pages.get(page)?.fill(0, offset, offset + count);
	}

	nextTouched(index: number): number {
		if (this.#pages.has(index)) return index;
		if (this.#sorted === undefined) this.#sorted = Float64Array.from(this.#pages.keys()).sort();
		const sorted = this.#sorted;
		let low = 0;
		let high = sorted.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (sorted[middle] < index) low = middle + 1;
			else high = middle;
		}
		return low < sorted.length ? sorted[low] : Number.POSITIVE_INFINITY;
	}

	#page(index: number): Uint8Array {
		let page = this.#pages.get(index);
		if (page === undefined) {
			page = this.pool.take();
			this.#pages.set(index, page);
			this.#sorted = undefined;
		}
		return page;
	}
}

/** Where pages are, if not in a `LocalObject` itself; as the object's methods of these names. */
export type PageStore = Pick<MemoryObject, "readAt" | "writeAt" | "clearAt">;

/** Pages that a driver offers for mapping. They can be moved to where a program can map them. */
export class MappableObject extends LocalObject {
	#store: PageStore | undefined;

	/** Copies the pages there, where they are from now on. */
	moveTo(store: PageStore): void {
		if (this.#store !== undefined) return;
		const bytes = new Uint8Array(PAGE_SIZE);
		for (let page = 0; page < this.pages; page++) {
			this.readAt(page, 0, bytes, 0, PAGE_SIZE);
			store.writeAt(page, 0, bytes, 0, PAGE_SIZE);
		}
		this.#store = store;
	}

	override readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void {
		if (this.#store === undefined) super.readAt(page, offset, into, at, count);
		else this.#store.readAt(page, offset, into, at, count);
	}

	override writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void {
		if (this.#store === undefined) super.writeAt(page, offset, from, at, count);
		else this.#store.writeAt(page, offset, from, at, count);
	}

	override clearAt(page: number, offset: number, count: number): void {
		if (this.#store === undefined) super.clearAt(page, offset, count);
		else this.#store.clearAt(page, offset, count);
	}

	override nextTouched(index: number): number {
		if (this.#store === undefined) return super.nextTouched(index);
		return index < this.pages ? index : Number.POSITIVE_INFINITY;
	}
}

/** The page frame number of a page. */
export function frameOf(object: MemoryObject, page: number): number {
	return object instanceof LocalObject ? object.frameOf(page) : object.frame + page;
}
