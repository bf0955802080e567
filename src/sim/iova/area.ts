import type { Pages } from "./pages.js";

/** One mapping: a stretch of IOVA and the memory behind it. */
export class Area {
	/** access pins that keep it from being unmapped until their owners let go */
	accesses = 0;
	/** pins of hardware queues, which never let go when asked */
	locks = 0;
	/** an unmap is waiting for accesses: no new ones */
	closing = false;
	/** its pages are pinned for page tables */
	filled = false;

	constructor(
		readonly start: bigint,
		/** inclusive */
		readonly last: bigint,
		readonly pages: Pages,
		/** byte of `pages` (counted from the start of its first page) that `start` maps */
		readonly startByte: bigint,
		readonly readable: boolean,
		readonly writable: boolean,
	) {}

	get length(): bigint {
		return this.last - this.start + 1n;
	}

	/** the byte of `pages` that an IOVA maps */
	byte(iova: bigint): bigint {
		return this.startByte + (iova - this.start);
	}

	/** the page of `pages` that an IOVA is in */
	index(iova: bigint): number {
		return Number(this.byte(iova) >> 12n);
	}

	get firstPage(): number {
		return Number(this.startByte >> 12n);
	}

	get pageCount(): number {
		return this.index(this.last) - this.firstPage + 1;
	}
}
