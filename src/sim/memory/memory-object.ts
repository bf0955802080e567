/** Memory behind mappings: what it is to the rest of the kernel, and the kind that lives in this process. */
import { IntervalCounter } from "./interval-counter.js";

export const PAGE_SHIFT = 12n;
export const PAGE_SIZE = 4096;
export const PAGE_MASK = 0xfffn;

/**
 * An anonymous mapping's pages or a file's, here or in another process. It lives as long as a mapping or a pin
 * refers to it. Copies stay within one page: `offset` and `count` are in bytes.
 */
export interface MemoryObject {
	/** in pages; beyond lies nothing */
	readonly pages: number;
	/** the page frame number of its page 0: an object is contiguous, but for what it grew by */
	readonly frame: number;
	readonly kind: "anonymous" | "memfd";
	/** how often each page is pinned */
	readonly pins: IntervalCounter;
	/** told of each mapping of it that comes (1) or goes (-1) */
	onMapping: ((change: 1 | -1) => void) | undefined;
	/** Copy `count` bytes at `offset` of a page to `into[at]` on. */
	readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void;
	/** Copy `count` bytes from `from[at]` on to `offset` of a page. */
	writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void;
	/** Zero `count` bytes at `offset` of a page. */
	clearAt(page: number, offset: number, count: number): void;
	/** The first page at `index` or later that may hold something other than zeroes; Infinity: none. */
	nextTouched(index: number): number;
}

/** Pages are cut from pieces of so many: one large piece of memory costs much less than many small ones. */
const PIECE = 16;

/** Hands out pages of zeroes. */
export class PagePool {
	#piece = new ArrayBuffer(0);
	#cut = 0;

	/** A page of zeroes; not the start of its buffer. */
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

/** Copies shorter than this are faster byte by byte than by way of a view. */
const SHORT = 32;

/** Memory in this process. Pages exist once they are written, so a range costs nothing until then. */
export class LocalObject implements MemoryObject {
	readonly #pages = new Map<number, Uint8Array>();
	/** numbers of the touched pages in order, once somebody asked */
	#sorted: Float64Array | undefined;
	readonly pins = new IntervalCounter();
	onMapping: ((change: 1 | -1) => void) | undefined;

	#count: number;
	/** where the pages lie by which it grew: the first page of each stretch, and its frame */
	#grown: { readonly page: number; readonly frame: number }[] | undefined;

	constructor(
		pages: number,
		readonly kind: "anonymous" | "memfd",
		/** of its page 0 */
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

	/** It has `pages` pages from now on; the new ones begin at `frame`. */
	grow(pages: number, frame: number): void {
		this.#grown ??= [];
		this.#grown.push({ page: this.#count, frame });
		this.#count = pages;
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

/** The page frame number of a page. */
export function frameOf(object: MemoryObject, page: number): number {
	return object instanceof LocalObject ? object.frameOf(page) : object.frame + page;
}
