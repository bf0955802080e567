/** Private memory of a process as a memory object: one GiB of its addresses. */
import { IntervalCounter, type MemoryObject } from "../../sim/index.js";
import type { RemoteBytes } from "./remote.js";

/** Pages of addresses in one object. */
export const CHUNK = 1 << 18;
/** How often the same address can have other memory while what it had before is still pinned. */
const GENERATIONS = 16;
/** page numbers of one object */
export const CHUNK_PAGES = CHUNK * GENERATIONS;
const PAGE_SIZE = 4096;

/**
 * The page numbers of the object are addresses (in pages, within the GiB) plus a generation: memory that was unmapped while
 * it was pinned keeps its number, and what is mapped there afterwards has another one.
 */
export class PrivatePages implements MemoryObject {
	readonly kind = "anonymous";
	readonly pages = CHUNK_PAGES;
	readonly pins = new IntervalCounter();
	onMapping = undefined;
	/** generations other than 0, by address within the GiB */
	readonly #generations = new Map<number, number>();
	/** addresses within the GiB (in pages) of hugetlb mappings, and the bytes of their pages */
	#huge: { readonly from: number; readonly to: number; readonly size: number }[] = [];
	/** what pinned pages held when they were unmapped, by page number */
	readonly #kept = new Map<number, Uint8Array>();

	constructor(
		readonly frame: number,
		readonly memory: RemoteBytes,
		/** the first address, in pages */
		readonly start: number,
	) {}

	/** Notes that [from, to) within the GiB consists of huge pages. */
	addHuge(from: number, to: number, size: number): void {
		if (!this.#huge.some((each) => each.from <= from && each.to >= to && each.size === size)) this.#huge.unshift({ from, to, size });
	}

	blockAt(page: number): number {
		const at = page % CHUNK;
		return this.#huge.find(({ from, to }) => from <= at && at < to)?.size ?? PAGE_SIZE;
	}

	/** The pages that [at, at+count) within the GiB have now: the first number, and how many follow it. */
	now(at: number, count: number): { page: number; count: number } {
		const generation = this.#generations.get(at) ?? 0;
		let run = count;
		if (this.#generations.size > 0) {
			run = 1;
			while (run < count && (this.#generations.get(at + run) ?? 0) === generation) run++;
		}
		return { page: generation * CHUNK + at, count: run };
	}

	/** [from, to) within the GiB are about to be unmapped: what is pinned there is kept. */
	unmapping(from: number, to: number): void {
		this.#huge = this.#huge.filter((each) => each.to <= from || each.from >= to);
		if (this.pins.empty) return;
		for (let at = from; at < to; ) {
			const { page, count } = this.now(at, to - at);
			for (const [first, end] of this.pins.runs(page, page + count))
				for (let each = first; each < end; each++) {
					this.#keep(each);
					const address = each % CHUNK;
					this.#generations.set(address, ((this.#generations.get(address) ?? 0) + 1) % GENERATIONS);
				}
			at += count;
		}
	}

	/** Everything is about to go. */
	keepAll(): void {
		for (const [first, end] of this.pins.runs(0, this.pages)) for (let each = first; each < end; each++) this.#keep(each);
	}

	readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void {
		const kept = this.#gone(page);
		if (kept !== undefined) into.set(kept.subarray(offset, offset + count), at);
		else if (this.memory.peek(this.#address(page, offset), into.subarray(at, at + count)) < count) into.fill(0, at, at + count);
	}

	writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void {
		const bytes = from.subarray(at, at + count);
		const kept = this.#gone(page);
		if (kept !== undefined) kept.set(bytes, offset);
		else this.memory.poke(this.#address(page, offset), bytes);
	}

	clearAt(page: number, offset: number, count: number): void {
		this.writeAt(page, offset, new Uint8Array(count), 0, count);
	}

	nextTouched(index: number): number {
		return index < this.pages ? index : Number.POSITIVE_INFINITY;
	}

	#address(page: number, offset: number): bigint {
		return (BigInt(this.start + (page % CHUNK)) << 12n) + BigInt(offset);
	}

	/** What a page held when it was unmapped, or when its program was about to end, if that is all there is. */
	#gone(page: number): Uint8Array | undefined {
		const kept = this.#kept.get(page);
		if (kept === undefined) return undefined;
		const current = (this.#generations.get(page % CHUNK) ?? 0) === Math.floor(page / CHUNK);
		// The program may have failed to end, as execve can.
		return current && this.memory.alive(this.#address(page, 0)) ? undefined : kept;
	}

	#keep(page: number): void {
		const bytes = new Uint8Array(PAGE_SIZE);
		this.memory.peek(this.#address(page, 0), bytes);
		this.#kept.set(page, bytes);
	}
}
