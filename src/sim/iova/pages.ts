/** The memory behind mappings, and its pins. */
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import { IntervalCounter } from "../memory/interval-counter.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { Extent, UserMemory } from "../memory/user-memory.js";
import { Reasons } from "../why/reasons.js";
import { pinChecks } from "./checks.js";

/** Pages of a 64-bit address space. Linux computes where the pinned ones end, and that must be an address. */
const ADDRESS_PAGES = 2 ** 52;

/** One page of memory, as DMA sees it. */
export interface PageRef {
	readonly object: MemoryObject;
	readonly page: number;
}

/** Where the pages of a mapping come from. */
export type PageOrigin =
	| { readonly type: "user"; readonly memory: UserMemory; readonly uptr: bigint }
	| { readonly type: "file"; readonly file: MappedFile; readonly start: bigint };

/** A mapped file. It stays open as long as it is mapped. */
export interface MappedFile {
	/** undefined: the file is not memory, so its pages cannot be pinned */
	readonly memory: MemoryObject | undefined;
	/** number of its pages that can be pinned */
	readonly wholePages: number;
	/** defined for device memory: page tables map it without pinning, accesses refuse it */
	readonly deviceMemory: { page?(index: number): PageRef | undefined } | undefined;
	get(): unknown;
	put(): void;
}

/**
 * The memory that one MAP call mapped, shared by every area that was copied from it. A page is
 * pinned once however many page tables and accesses use it, from the first to the last of them.
 */
export class Pages {
	/** bytes before the first mapped byte in its page */
	readonly offset: number;
	/** pages, partial ones included */
	readonly count: number;
	/** users of all pages, usually areas in page tables */
	#whole = 0;
	/** the number of the first page in its memory or file */
	readonly #firstPage: number;
	/** users of some of the pages */
	#partial: IntervalCounter | undefined;
	/** number of areas that map parts of it */
	#areas = 0;
	/** whose limit of locked memory the pinned pages count against; undefined: nobody's */
	owner: UserMemory | undefined;
	/** how many of them do */
	#locked = 0;
	/** the pinned ranges by index, sorted and not overlapping */
	#pinned: { readonly index: number; readonly extent: Extent }[] = [];

	constructor(
		readonly origin: PageOrigin,
		/** bytes */
		readonly length: bigint,
		readonly writable: boolean,
	) {
		const first = origin.type === "user" ? origin.uptr : origin.start;
		this.offset = Number(first & 0xfffn);
		this.#firstPage = Number(first >> 12n);
		this.count = Number((BigInt(this.offset) + length + 0xfffn) >> 12n);
		this.owner = origin.type === "user" ? origin.memory : undefined;
	}

	/** Whether it is device memory, which has no pages. */
	get isDevice(): boolean {
		return this.origin.type === "file" && this.origin.file.deviceMemory !== undefined;
	}

	/** number of pinned pages */
	get pinnedCount(): number {
		return this.#pinned.reduce((sum, { extent }) => sum + extent.count, 0);
	}

	/** Count an area that maps part of it: the file stays open until the last one is unmapped. */
	mapped(): void {
		if (this.#areas++ === 0 && this.origin.type === "file") this.origin.file.get();
	}

	unmapped(): void {
		if (--this.#areas === 0 && this.origin.type === "file") this.origin.file.put();
	}

	/** Add a user of `count` pages from `index`. If a page cannot be pinned, -EFAULT (-EINVAL for a file that ends before it or is not memory) and nothing changes. */
	pin(index: number, count: number, reasons = new Reasons()): Ret {
		if (this.#firstPage + index + count >= ADDRESS_PAGES && this.origin.type === "user")
			return reasons.fail(pinChecks.pinEnd, this.#firstPage + index + count);
		const fresh: { index: number; extent: Extent }[] = [];
		if (this.#whole === 0)
			for (const [from, to] of this.#idle(index, index + count)) {
				let at = from;
				for (const extent of this.#resolve(from, to - from)) {
					fresh.push({ index: at, extent });
					at += extent.count;
				}
				if (at < to) return this.missing(at, reasons);
			}
		const added = this.owner?.lock === undefined ? 0 : fresh.reduce((sum, { extent }) => sum + extent.count, 0);
		if (added > 0) {
			const locked = this.owner?.lock?.(added);
			if (locked === undefined) return reasons.fail(pinChecks.lockLimit, added);
			this.#locked += locked;
		}
		for (const piece of fresh) this.#addPin(piece.index, piece.extent);
		if (this.#isWhole(index, count)) this.#whole++;
		else {
			this.#partial ??= new IntervalCounter();
			this.#partial.add(index, index + count, 1);
		}
		return 0;
	}

	/** Remove a user. */
	unpin(index: number, count: number): void {
		if (this.#isWhole(index, count)) {
			if (--this.#whole > 0) return;
			for (const [from, to] of this.#idle(0, this.count)) this.#dropPins(from, to);
		} else
			this.#partial?.add(index, index + count, -1, (from, to) => {
				if (this.#whole === 0) this.#dropPins(from, to);
			});
	}

	/** The pinned pages from `index` that are contiguous in memory, at most `count`. */
	pinnedExtent(index: number, count: number): Extent | undefined {
		const pin = this.#find(index);
		if (pin === undefined) return undefined;
		const skip = index - pin.index;
		const { object, page } = pin.extent;
		return { object, page: page + skip, count: Math.min(count, pin.extent.count - skip) };
	}

	/** The page that is behind an index now, whatever is pinned; to be read, or with `write` to be written. */
	current(index: number, write: boolean): PageRef | undefined {
		return this.#resolve(index, 1, write)[0];
	}

	/** The page if it is pinned. */
	pinnedPage(index: number): PageRef | undefined {
		return this.pinnedExtent(index, 1);
	}

	/** Fails for a page that does not exist. */
	missing(index: number, reasons: Reasons): Ret {
		const { origin } = this;
		const address = BigInt(this.#firstPage + index) << 12n;
		if (origin.type === "file") return reasons.fail(pinChecks.fileTooShort, address);
		return reasons.fail(pinChecks.unpinnable, address, faultAt(origin.memory, address, 1, this.writable));
	}

	/** The page if it is device memory that DMA reaches. */
	devicePage(index: number): PageRef | undefined {
		return this.origin.type === "file" ? this.origin.file.deviceMemory?.page?.(this.#firstPage + index) : undefined;
	}

	#isWhole(index: number, count: number): boolean {
		return index === 0 && count === this.count;
	}

	/** The runs of [from, to) that have no partial user. */
	#idle(from: number, to: number): [number, number][] {
		return this.#partial === undefined ? [[from, to]] : [...this.#partial.runs(from, to, true)];
	}

	#resolve(index: number, count: number, write = this.writable): Extent[] {
		const { origin } = this;
		const page = this.#firstPage + index;
		if (origin.type === "user") return origin.memory.extents(page, count, write);
		const { memory: object, wholePages } = origin.file;
		const exists = Math.min(count, wholePages - page);
		return object !== undefined && exists > 0 ? [{ object, page, count: exists }] : [];
	}

	#addPin(index: number, extent: Extent): void {
		extent.object.pins.add(extent.page, extent.page + extent.count, 1);
		this.#pinned.splice(this.#position(index), 0, { index, extent });
	}

	#dropPins(from: number, to: number): void {
		const before = this.#locked > 0 ? this.pinnedCount : 0;
		const kept: { index: number; extent: Extent }[] = [];
		for (const pin of this.#pinned) {
			const { index, extent } = pin;
			const end = index + extent.count;
			const start = Math.max(index, from);
			const stop = Math.min(end, to);
			if (start >= stop) {
				kept.push(pin);
				continue;
			}
			const { object, page } = extent;
			object.pins.add(page + (start - index), page + (stop - index), -1);
			if (index < start) kept.push({ index, extent: { object, page, count: start - index } });
			if (stop < end)
				kept.push({
					index: stop,
					extent: { object, page: page + (stop - index), count: end - stop },
				});
		}
		this.#pinned = kept;
		if (this.#locked > 0) this.#unlock(before - this.pinnedCount);
	}

	/** From now on the pinned pages count against another's limit. False: they are too many for it, and nothing changes. */
	moveTo(owner: UserMemory | undefined): boolean {
		if (owner === this.owner) return true;
		const pages = this.pinnedCount;
		const locked = pages === 0 || owner?.lock === undefined ? 0 : owner.lock(pages);
		if (locked === undefined) return false;
		this.#unlock(this.#locked);
		this.#locked = locked;
		this.owner = owner;
		return true;
	}

	#unlock(pages: number): void {
		const count = Math.min(pages, this.#locked);
		this.#locked -= count;
		this.owner?.unlock?.(count);
	}

	#find(index: number): { readonly index: number; readonly extent: Extent } | undefined {
		const pin = this.#pinned[this.#position(index + 1) - 1];
		return pin !== undefined && index < pin.index + pin.extent.count ? pin : undefined;
	}

	/** Position of the first pin at or after `index`. */
	#position(index: number): number {
		let low = 0;
		let high = this.#pinned.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#pinned[middle].index < index) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}
