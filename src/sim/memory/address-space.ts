/** The address space of a process on the simulated kernel. */
import { EFAULT } from "../../kernel/errno.js";
import { PROT_READ, PROT_WRITE, type Ret } from "../../kernel/kernel.js";
import type { Reasons } from "../why/reasons.js";
import { lengthChecks, mappingChecks, unmappingChecks } from "./checks.js";
import { IntervalCounter } from "./interval-counter.js";
import { type MemoryObject, PAGE_SIZE } from "./memory-object.js";
import { cutsHuge, firstMissing, hugePages, isMissing, type Server, thereRun } from "./missing.js";
import { type Extent, pageOf, type UserMemory } from "./user-memory.js";

/** What x86 can read: it has no memory that can be written only. */
const READABLE = PROT_READ | PROT_WRITE;

/** A mapping. All counts are in pages; `end` is exclusive. */
export interface Vma {
	readonly start: number;
	readonly end: number;
	readonly object: MemoryObject;
	/** index of the object's page at `start` */
	readonly objectPage: number;
	readonly prot: number;
	/** the object's pages that were used through this mapping; kept only where it cannot be read, see `extents`, and where they are served */
	present?: IntervalCounter;
	/** false: it cannot be made writable, as its file was sealed */
	readonly mayWrite?: boolean;
	/** serves its missing pages */
	server?: Server;
}

type Visit = (object: MemoryObject, page: number, offset: number, at: number, count: number) => void;

/** First page that user space cannot map (x86-64 with four levels). */
const TASK_PAGES = 2 ** 35 - 1;
/** The end of what can be unmapped: the same with the page that guards it. */
const UNMAP_END = 1n << 47n;
/** mappings a process can have (Linux's vm.max_map_count) */
const MAX_MAPPINGS = 65530;
/** Where the search for a free range starts: at the first of them, or lower down if the range does not fit above it. */
const FIRST_FREE = [0x7f0000000, 0x100000];

/** A process's memory: which pages of which objects are mapped where. Mappings are kept sorted. */
export class AddressSpace implements UserMemory {
	/** its program has ended */
	gone = false;
	#vmas: Vma[] = [];
	/** the view that `scan` passes on; made when first needed */
	#window: Uint8Array | undefined;

	constructor(readonly reasons: Reasons) {}

	/** Map `pages` pages of an object; for address 0n a free range is chosen. The address, or minus the errno. */
	map(addr: bigint, pages: number, object: MemoryObject, objectPage: number, prot: number, mayWrite = true): bigint {
		const { reasons } = this;
		const unit = hugePages(object);
		if (pages <= 0) return reasons.failBig(lengthChecks.lengthZero, bytes(pages));
		if ((addr & 0xfffn) !== 0n) return reasons.failBig(mappingChecks.addressAlignment, addr);
		let start = pageOf(addr);
		if (addr === 0n) {
			start = this.#findFree(pages, unit);
			if (start < 0) return reasons.failBig(mappingChecks.noGap, bytes(pages));
		}
		if (start % unit !== 0) return reasons.failBig(mappingChecks.hugeAlignment, addr, bytes(unit));
		if (start + pages > TASK_PAGES) return reasons.failBig(mappingChecks.addressEnd, bytes(pages), addr, bytes(TASK_PAGES));
		if (this.#vmas.length >= MAX_MAPPINGS) return reasons.failBig(mappingChecks.tooManyMappings, this.#vmas.length);
		const at = this.#lowerBound(start);
		const next = this.#vmas[at];
		if (next !== undefined && next.start < start + pages)
			return reasons.failBig(mappingChecks.addressMapped, bytes(next.start), bytes(next.end) - 1n);
		this.#vmas.splice(at, 0, { start, end: start + pages, object, objectPage, prot, ...(mayWrite ? {} : { mayWrite }) });
		object.onMapping?.(1);
		return BigInt(start) << 12n;
	}

	/** Unmap whatever is mapped in the range; holes are fine. */
	unmap(addr: bigint, length: bigint): Ret {
		const { reasons } = this;
		if ((addr & 0xfffn) !== 0n) return reasons.fail(unmappingChecks.addressAlignment, addr);
		if (length <= 0n) return reasons.fail(unmappingChecks.lengthZero, length);
		if (addr + length > UNMAP_END) return reasons.fail(unmappingChecks.addressEnd, length, addr, UNMAP_END);
		const from = pageOf(addr);
		const to = pageOf(addr + length + 0xfffn);
		const cut = this.#vmas.find((vma) => cutsHuge(vma, from) || cutsHuge(vma, to));
		if (cut !== undefined) return reasons.fail(unmappingChecks.hugeCut, addr, length, bytes(hugePages(cut.object)));
		const kept: Vma[] = [];
		const gone: MemoryObject[] = [];
		for (const vma of this.#vmas) {
			if (vma.end <= from || vma.start >= to) {
				kept.push(vma);
				continue;
			}
			const left = vma.start < from;
			const right = vma.end > to;
			if (left) kept.push({ ...vma, end: from });
			if (right) kept.push({ ...vma, start: to, objectPage: vma.objectPage + (to - vma.start) });
			if (left && right) vma.object.onMapping?.(1);
			else if (!left && !right) gone.push(vma.object);
		}
		this.#vmas = kept;
		for (const object of gone) object.onMapping?.(-1);
		return 0;
	}

	/** Become a copy of another process's memory: files stay shared, anonymous memory gets pages of its own by `newObject`. */
	inherit(from: AddressSpace, newObject: (pages: number) => MemoryObject): void {
		const copies = new Map<MemoryObject, MemoryObject>();
		const copyOf = (object: MemoryObject): MemoryObject => {
			if (object.kind !== "anonymous") return object;
			const made = newObject(object.pages);
			const page = new Uint8Array(PAGE_SIZE);
			for (let at = object.nextTouched(0); at < object.pages; at = object.nextTouched(at + 1)) {
				object.readAt(at, 0, page, 0, PAGE_SIZE);
				made.writeAt(at, 0, page, 0, PAGE_SIZE);
			}
			return made;
		};
		this.#vmas = from.#vmas.map((vma) => {
			const object = copies.get(vma.object) ?? copyOf(vma.object);
			copies.set(vma.object, object);
			object.onMapping?.(1);
			// Whoever serves the parent's pages does not serve the child's.
			return { ...vma, object, present: undefined, server: undefined };
		});
	}

	/** The first page of a range that is not mapped. */
	hole(from: number, pages: number): number | undefined {
		let mapped = from;
		for (const vma of this.#vmas) if (vma.start <= mapped && vma.end > mapped) mapped = vma.end;
		return mapped < from + pages ? mapped : undefined;
	}

	/**
	 * Change the mappings of a range, cut where it begins and ends; `change` gets each and its length in pages. Of a
	 * range with a hole, `upToHole` changes only what lies before it. The first page of the hole, or undefined if there is none.
	 */
	reshape(from: number, pages: number, change: (vma: Vma, pages: number) => Partial<Vma>, upToHole: boolean): number | undefined {
		const end = from + pages;
		const hole = this.hole(from, pages);
		const to = upToHole ? (hole ?? end) : end;
		if (to === from) return hole;
		const shaped: Vma[] = [];
		for (const vma of this.#vmas) {
			if (vma.end <= from || vma.start >= to) {
				shaped.push(vma);
				continue;
			}
			const [start, last] = [Math.max(vma.start, from), Math.min(vma.end, to)];
			const part = (first: number, stop: number): Vma => ({
				...vma,
				start: first,
				end: stop,
				objectPage: vma.objectPage + (first - vma.start),
			});
			const inner = part(start, last);
			if (vma.start < start) shaped.push(part(vma.start, start));
			shaped.push({ ...inner, ...change(inner, last - start) });
			if (vma.end > last) shaped.push(part(last, vma.end));
		}
		const before = this.#vmas;
		this.#vmas = shaped;
		for (const { object } of shaped) object.onMapping?.(1);
		for (const { object } of before) object.onMapping?.(-1);
		return hole;
	}

	/**
	 * The pieces of a range that is one mapping to Linux, which joins neighbours alike: private memory with one protection, or
	 * pages of one file in their order. undefined if it is not one, or has a hole.
	 */
	pieces(from: number, pages: number): Vma[] | undefined {
		const found: Vma[] = [];
		for (let at = from; at < from + pages; ) {
			const vma = this.find(at);
			const last = found.at(-1);
			if (vma === undefined) return undefined;
			if (last !== undefined) {
				const anonymous = last.object.kind === "anonymous" && vma.object.kind === "anonymous";
				const follows = vma.object === last.object && vma.objectPage === last.objectPage + (last.end - last.start);
				if (vma.prot !== last.prot || vma.server !== last.server || !(anonymous || follows)) return undefined;
			}
			const end = Math.min(vma.end, from + pages);
			found.push({ ...vma, start: at, end, objectPage: vma.objectPage + (at - vma.start) });
			at = end;
		}
		return found;
	}

	/** Whether nothing is mapped there, and user space may map it. */
	isFree(page: number, pages: number): boolean {
		const next = this.#vmas[this.#lowerBound(page)];
		return page + pages <= TASK_PAGES && (next === undefined || next.start >= page + pages);
	}

	/** The first page of a free range, or -1. */
	findFree(pages: number): number {
		return this.#findFree(pages);
	}

	/** The mappings of a range, whole. */
	within(from: number, pages: number): Vma[] {
		return this.#vmas.filter((vma) => vma.start < from + pages && vma.end > from);
	}

	mappingsThatCannotWrite(object: MemoryObject): number {
		return this.#vmas.filter((vma) => vma.object === object && vma.mayWrite === false).length;
	}

	/** From now on nobody serves what this one served. */
	forget(server: Server): void {
		for (const vma of this.#vmas) if (vma.server === server) vma.server = undefined;
	}

	/** Notes that pages of one mapping are there. */
	noteServed(page: number, count: number): void {
		const vma = this.find(page);
		if (vma !== undefined) makePresent(vma, vma.objectPage + (page - vma.start), count);
	}

	/** Whether an access of the page waits until it is served. */
	isMissing(page: number): boolean {
		const vma = this.find(page);
		return vma !== undefined && isMissing(vma, vma.objectPage + (page - vma.start));
	}

	/** Unmap everything: its program ends. */
	drop(): void {
		const vmas = this.#vmas;
		this.gone = true;
		this.#vmas = [];
		for (const { object } of vmas) object.onMapping?.(-1);
	}

	/** The mapping that covers a page. */
	find(page: number): Vma | undefined {
		const vma = this.#vmas[this.#lowerBound(page)];
		return vma !== undefined && vma.start <= page ? vma : undefined;
	}

	/** Copy out of memory. 0, or -EFAULT (everything before the bad page is copied). */
	read(addr: bigint, into: Uint8Array): Ret {
		const visit: Visit = (object, page, offset, at, count) => object.readAt(page, offset, into, at, count);
		return this.#each(addr, into.length, READABLE, visit, "read");
	}

	/** Copy into memory, with `force` even if it is read-only. 0, or -EFAULT (everything before the bad page is copied). */
	write(addr: bigint, from: Uint8Array, force = false): Ret {
		const visit: Visit = (object, page, offset, at, count) => object.writeAt(page, offset, from, at, count);
		return this.#each(addr, from.length, force ? READABLE : PROT_WRITE, visit, "write");
	}

	/**
	 * Visit the touched pages of [addr, addr+length); untouched ones cost nothing. `visit` gets the offset from `addr`
	 * and the bytes, until it answers true. 0, or -EFAULT at a bad page.
	 */
	scan(addr: bigint, length: number, visit: (offset: number, bytes: Uint8Array) => boolean): Ret {
		let offset = Number(addr & 0xfffn);
		let page = pageOf(addr);
		for (let at = 0; at < length; ) {
			const vma = this.find(page);
			if (vma === undefined || !(vma.prot & READABLE)) return -EFAULT;
			const objectPage = vma.objectPage + (page - vma.start);
			if (objectPage >= vma.object.pages) return -EFAULT;
			const there = thereRun(vma, objectPage, vma.end - page);
			if (there === 0) return this.#wait(page);
			const next = vma.object.nextTouched(objectPage);
			const skip = Math.min(next - objectPage, there, vma.object.pages - objectPage);
			if (skip > 0) {
				at += skip * PAGE_SIZE - offset;
				page += skip;
				offset = 0;
				continue;
			}
			const count = Math.min(PAGE_SIZE - offset, length - at);
			this.#window ??= new Uint8Array(PAGE_SIZE);
			vma.object.readAt(objectPage, offset, this.#window, 0, count);
			if (visit(at, this.#window.subarray(0, count))) return 0;
			at += count;
			offset = 0;
			page++;
		}
		return 0;
	}

	/** Write zeroes; untouched pages stay untouched. 0, or -EFAULT. */
	clear(addr: bigint, length: number): Ret {
		return this.#each(addr, length, PROT_WRITE, (object, page, offset, _at, count) => object.clearAt(page, offset, count), "write");
	}

	/** Whether all of [addr, addr+length) can be read (or written). */
	accessible(addr: bigint, length: number, prot: number): boolean {
		const end = pageOf(addr) + Math.ceil((Number(addr & 0xfffn) + length) / PAGE_SIZE);
		// A mapping at a time: the range may have a great many pages.
		for (let page = pageOf(addr); length > 0 && page < end; ) {
			const vma = this.find(page);
			if (vma === undefined || !(vma.prot & prot)) return false;
			const exists = vma.start + (vma.object.pages - vma.objectPage);
			const missing = firstMissing(vma, page, Math.min(end, vma.end, exists));
			if (missing !== undefined) {
				this.#wait(missing);
				return false;
			}
			page = Math.min(vma.end, exists);
			if (exists < vma.end && page < end) return false;
		}
		return true;
	}

	/**
	 * The extents behind [page, page+count), for pinning. Stops at the first page that is not mapped or, with
	 * `write`, not writable: `extents` then covers fewer pages than requested.
	 */
	extents(page: number, count: number, write: boolean): Extent[] {
		const found: Extent[] = [];
		const end = page + count;
		let at = page;
		while (at < end) {
			const vma = this.find(at);
			if (vma === undefined || !(vma.prot & (write ? PROT_WRITE : READABLE)) || vma.object.kind === "device") break;
			const first = vma.objectPage + (at - vma.start);
			// To be pinned for reading, a page of write-only memory must be there already.
			const readable = (vma.prot & PROT_READ) !== 0;
			if (!write && !readable && !isPresent(vma, first)) break;
			const room = readable || write ? thereRun(vma, first, Math.min(end, vma.end) - at) : 1;
			if (room === 0) this.#wait(at);
			const exists = Math.min(room, vma.object.pages - first);
			if (exists <= 0) break;
			if (!readable && write) makePresent(vma, first, exists);
			const before = found.at(-1);
			if (vma.server !== undefined && before?.object === vma.object && before.page + before.count === first)
				found[found.length - 1] = { ...before, count: before.count + exists };
			else found.push({ object: vma.object, page: first, count: exists });
			at += exists;
			if (exists < room) break;
		}
		return found;
	}

	/** `use`: what becomes of the pages, if they are not only looked up */
	#each(addr: bigint, length: number, prot: number, visit: Visit, use?: "read" | "write"): Ret {
		let page = pageOf(addr);
		let offset = Number(addr & 0xfffn);
		for (let at = 0; at < length; ) {
			const vma = this.find(page);
			if (vma === undefined || !(vma.prot & prot)) return -EFAULT;
			const objectPage = vma.objectPage + (page - vma.start);
			if (objectPage >= vma.object.pages) return -EFAULT;
			if (vma.server !== undefined && isMissing(vma, objectPage)) return this.#wait(page);
			const count = Math.min(PAGE_SIZE - offset, length - at);
			if ((vma.prot & PROT_READ) === 0 && (use === "write" || (use === "read" && vma.object.kind === "memfd")))
				makePresent(vma, objectPage, 1);
			visit(vma.object, objectPage, offset, at, count);
			at += count;
			offset = 0;
			page++;
		}
		return 0;
	}

	/** The call would wait until a page is served. As calls cannot wait here, it fails as one does that a signal ends. */
	#wait(page: number): Ret {
		this.reasons.waits = bytes(page);
		return -EFAULT;
	}

	/** Index of the first mapping that ends after `page`. */
	#lowerBound(page: number): number {
		let low = 0;
		let high = this.#vmas.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#vmas[middle].end <= page) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	/** @param unit the start is a multiple of it */
	#findFree(pages: number, unit = 1): number {
		const up = (page: number): number => Math.ceil(page / unit) * unit;
		for (const first of FIRST_FREE) {
			let at = up(first);
			for (const vma of this.#vmas) {
				if (vma.end <= at) continue;
				if (vma.start >= at + pages) break;
				at = up(vma.end + 1);
			}
			if (at + pages <= TASK_PAGES) return at;
		}
		return -1;
	}
}

/** The address of a page, or the length of as many, in bytes. */
function bytes(pages: number): bigint {
	return BigInt(pages) << 12n;
}

/** Whether a page is there: a write brought it in, or a pin for writing; a read only if the memory is a file's. */
function isPresent({ object, present }: Vma, page: number): boolean {
	return (present?.at(page) ?? 0) > 0 || (object.kind === "anonymous" && object.nextTouched(page) === page);
}

function makePresent(vma: Vma, page: number, count: number): void {
	vma.present ??= new IntervalCounter();
	const { present } = vma;
	const end = page + count;
	for (let at = page; at < end; ) {
		const before = present.at(at);
		const next = present.firstOther(at, end, before);
		if (before === 0) present.add(at, next, 1);
		at = next;
	}
}
