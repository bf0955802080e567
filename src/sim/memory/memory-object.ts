import { IntervalCounter } from "./interval-counter.js";

export const PAGE_SHIFT = 12n;
export const PAGE_SIZE = 4096;
export const PAGE_MASK = 0xfffn;

/**
 * Memory behind mappings: an anonymous mapping's pages or a memfd's. Pages exist once touched,
 * so a range costs nothing until then. It lives as long as a mapping or a pin refers to it.
 */
export class MemoryObject {
	readonly #pages = new Map<number, Uint8Array>();
	/** how often each page is pinned */
	readonly pins = new IntervalCounter();

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
			page = new Uint8Array(PAGE_SIZE);
			this.#pages.set(index, page);
		}
		return page;
	}

	/** The page's bytes if it was ever touched: an untouched one reads as zeroes. */
	touched(index: number): Uint8Array | undefined {
		return this.#pages.get(index);
	}
}

/** Hands out page frames: objects one after another, with a gap of a page. */
export class PhysicalMemory {
	#next = 0x100000;

	newObject(pages: number, kind: MemoryObject["kind"]): MemoryObject {
		const object = new MemoryObject(pages, kind, this.#next);
		this.#next += pages + 1;
		return object;
	}
}
