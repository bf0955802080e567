import { IntervalCounter } from "./interval-counter.js";

export const PAGE_SHIFT = 12n;
export const PAGE_SIZE = 4096;
export const PAGE_MASK = 0xfffn;

/** Pages are cut from pieces of so many: one large piece of memory costs much less than many small ones. */
const PIECE = 16;
let piece = new ArrayBuffer(0);
let cut = 0;

/** A page of zeroes; not the start of its buffer. */
function newPage(): Uint8Array {
	if (cut === piece.byteLength) {
		piece = new ArrayBuffer(PIECE * PAGE_SIZE);
		cut = 0;
	}
	const page = new Uint8Array(piece, cut, PAGE_SIZE);
	cut += PAGE_SIZE;
	return page;
}

/**
 * Memory behind mappings: an anonymous mapping's pages or a memfd's. Pages exist once touched,
 * so a range costs nothing until then. It lives as long as a mapping or a pin refers to it.
 */
export class MemoryObject {
	readonly #pages = new Map<number, Uint8Array>();
	/** numbers of the touched pages in order, once somebody asked */
	#sorted: Float64Array | undefined;
	/** how often each page is pinned */
	readonly pins = new IntervalCounter();
	/** told of each mapping of it that comes (1) or goes (-1) */
	onMapping: ((change: 1 | -1) => void) | undefined;

	constructor(
		/** in pages; beyond lies nothing */
		readonly pages: number,
		readonly kind: "anonymous" | "memfd",
		/** the page frame number of its page 0 (the simulation lays an object out contiguously) */
		readonly frame: number,
	) {}

	/** The page's bytes, made on first use. */
	page(index: number): Uint8Array {
		let page = this.#pages.get(index);
		if (page === undefined) {
			page = newPage();
			this.#pages.set(index, page);
			this.#sorted = undefined;
		}
		return page;
	}

	/** The first touched page at `index` or later; Infinity: none. */
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

	/** The page's bytes if it was ever touched: an untouched one reads as zeroes. */
	touched(index: number): Uint8Array | undefined {
		return this.#pages.get(index);
	}
}

/** Hands out page frames: objects one after another, with a gap of a page. */
export class PhysicalMemory {
	#next = 0x100000;
	/** in order of frames; an object lives as long as something besides this refers to it */
	#objects: { readonly frame: number; readonly end: number; readonly ref: WeakRef<MemoryObject> }[] = [];
	#tidyAt = 1024;

	newObject(pages: number, kind: MemoryObject["kind"]): MemoryObject {
		const frame = this.#next;
		const object = new MemoryObject(pages, kind, frame);
		this.#next += pages + 1;
		this.#objects.push({ frame, end: frame + pages, ref: new WeakRef(object) });
		if (this.#objects.length > this.#tidyAt) {
			this.#objects = this.#objects.filter((each) => each.ref.deref() !== undefined);
			this.#tidyAt = Math.max(1024, this.#objects.length * 2);
		}
		return object;
	}

	/** Whether any page of any object is pinned. */
	get pinned(): boolean {
		return this.#objects.some(({ ref }) => ref.deref()?.pins.empty === false);
	}

	/** The page that a physical address (in bytes) is in; undefined where there is no memory. */
	find(pa: bigint): { readonly object: MemoryObject; readonly page: number } | undefined {
		const frame = Number(pa >> PAGE_SHIFT);
		let low = 0;
		let high = this.#objects.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#objects[middle].frame <= frame) low = middle + 1;
			else high = middle;
		}
		const found = low > 0 ? this.#objects[low - 1] : undefined;
		if (found === undefined || frame >= found.end) return undefined;
		const object = found.ref.deref();
		return object && { object, page: frame - found.frame };
	}

	/** Copy from `pa` on into `into`, within one page or over several of one object: false where there is no memory. */
	read(pa: bigint, into: Uint8Array): boolean {
		return this.#eachPage(pa, into.length, (page, from, at, count) => {
			const bytes = page.object.touched(page.page);
			if (bytes === undefined) into.fill(0, at, at + count);
			else into.set(bytes.subarray(from, from + count), at);
		});
	}

	/** The same the other way. */
	write(pa: bigint, bytes: Uint8Array): boolean {
		return this.#eachPage(pa, bytes.length, (page, from, at, count) => {
			page.object.page(page.page).set(bytes.subarray(at, at + count), from);
		});
	}

	#eachPage(
		pa: bigint,
		length: number,
		visit: (page: { object: MemoryObject; page: number }, from: number, at: number, count: number) => void,
	): boolean {
		for (let at = 0; at < length; ) {
			const where = pa + BigInt(at);
			const page = this.find(where);
			if (page === undefined) return false;
			const from = Number(where & PAGE_MASK);
			const count = Math.min(PAGE_SIZE - from, length - at);
			visit(page, from, at, count);
			at += count;
		}
		return true;
	}
}
