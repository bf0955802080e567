/** The mapped ranges of an IOVA space. */
import type { Pages } from "./pages.js";

/** One mapping: an IOVA range and the memory behind it. */
export class Area {
	/** pins of accesses; it cannot be unmapped until their owners drop them */
	accesses = 0;
	/** pins of hardware queues, which are not dropped on request */
	locks = 0;
	/** an unmap is waiting for accesses: no new pins */
	closing = false;
	/** its pages are pinned for page tables */
	filled = false;

	constructor(
		readonly start: bigint,
		/** inclusive */
		readonly last: bigint,
		readonly pages: Pages,
		/** the byte of `pages` that `start` maps, counted from the start of the first page */
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

	/** the page of `pages` that contains an IOVA */
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
