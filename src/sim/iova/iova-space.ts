/** The IOVA space of an IOAS. */
import type { Ret } from "../../kernel/kernel.js";
import { Reasons } from "../why/reasons.js";
import { Area } from "./area.js";
import {
	accessSpaceChecks,
	allowChecks,
	domainChecks,
	largePagesChecks,
	mapChecks,
	piecesChecks,
	pinChecks,
	reserveChecks,
	splitChecks,
	unmapChecks,
} from "./checks.js";
import { type Interval, IntervalSet, IOVA_MAX } from "./interval-set.js";
import type { Pages } from "./pages.js";
import { place } from "./place.js";

const PAGE = 0x1000n;
/** whose reserved range it is, for those of page tables */
const OUTSIDE = "outside the aperture of the page table";

/** What maps an IOVA space into hardware. */
export interface SpaceDomain {
	/** bytes, a power of two */
	readonly smallestPage: bigint;
	readonly aperture: Interval;
	/** checks that it can hold the area, whose pages are pinned: 0 or minus the errno. Absent: it can hold any */
	canMap?(area: Area): Ret;
	/** called when the range is no longer mapped */
	unmapped?(area: Area): void;
}

/** An in-kernel user of the space. */
export interface SpaceAccess {
	/** bytes; both ends of every area must be aligned to it */
	readonly alignment: bigint;
	/** who locks pages of the area through it, in words */
	locks?(area: Area): string | undefined;
	/** Asks it to drop its pins in the range. */
	unmap(iova: bigint, length: bigint): void;
}

/** A piece of memory to map; `startByte` counts from the start of `pages`' first page. */
export interface Piece {
	readonly pages: Pages;
	readonly startByte: bigint;
	readonly length: bigint;
}

export interface Protection {
	readonly readable: boolean;
	readonly writable: boolean;
}

/** What an IOVA space wants of its kernel. */
export interface SpaceServices {
	readonly reasons: Reasons;
	/** writes to the kernel log */
	warn(line: string): void;
	/** an allocation of the kernel; false: out of memory */
	allocation(): boolean;
	/** number of allocations so far */
	readonly allocations: number;
}

/** A kernel that has memory and keeps no log. */
const bare = (): SpaceServices => ({ reasons: new Reasons(), warn: () => {}, allocation: () => true, allocations: 0 });

/** A reserved range; `what`: whose it is, in words. */
interface Reserved extends Interval {
	readonly owner: object;
	readonly what: string;
}

/**
 * Areas, reserved and allowed ranges, and the page tables and accesses that use them. It knows nothing of ioctls.
 */
export class IovaSpace {
	readonly areas = new IntervalSet<Area>();
	/** may overlap each other; each is removed with its owner */
	readonly reserved: Reserved[] = [];
	/** sorted and not overlapping; empty: everything is allowed */
	allowed: readonly Interval[] = [];
	/** the same with ranges that touch as one: a mapping may be placed across them */
	allowedRuns: readonly Interval[] = [];
	readonly domains: SpaceDomain[] = [];
	readonly accesses: SpaceAccess[] = [];
	/** bytes; IOVAs, lengths and offsets in a page must be multiples of it */
	alignment = 1n;
	#largePages = true;

	constructor(readonly services: SpaceServices = bare()) {}

	get reasons(): Reasons {
		return this.services.reasons;
	}

	get largePages(): boolean {
		return this.#largePages;
	}

	/** The area that contains `iova`. */
	find(iova: bigint): Area | undefined {
		return this.areas.first(iova, iova);
	}

	/** The gaps between reserved ranges, over 0 to 2^64-1. */
	freeRanges(): Interval[] {
		const gaps: Interval[] = [];
		let at = 0n;
		for (const { start, last } of [...this.reserved].sort((a, b) => compare(a.start, b.start))) {
			if (start > at) gaps.push({ start: at, last: start - 1n });
			if (last >= at) at = last + 1n;
		}
		if (at <= IOVA_MAX) gaps.push({ start: at, last: IOVA_MAX });
		return gaps;
	}

	/** Replace the allowed ranges. -EADDRINUSE where one overlaps a reserved range; the old ones then stay. */
	setAllowed(ranges: readonly Interval[]): Ret {
		for (const { start, last } of ranges) {
			const taken = this.#reservedIn(start, last);
			if (taken !== undefined) return this.reasons.fail(allowChecks.allowedReserved, start, last, taken.start, taken.last, taken.what);
		}
		this.allowed = ranges;
		this.allowedRuns = joined(ranges);
		return 0;
	}

	/** -EADDRINUSE where an area or an allowed range is in the way. `what` says whose range it is. */
	reserve(start: bigint, last: bigint, owner: object, what: string): Ret {
		const area = this.areas.first(start, last);
		if (area !== undefined) return this.reasons.fail(reserveChecks.reservedMapped, area.start, area.last, start, last, what);
		for (const range of this.allowed)
			if (range.start <= last && range.last >= start)
				return this.reasons.fail(reserveChecks.reservedAllowed, range.start, range.last, start, last, what);
		this.reserved.push({ start, last, owner, what });
		return 0;
	}

	unreserve(owner: object): void {
		for (let i = this.reserved.length - 1; i >= 0; i--) if (this.reserved[i].owner === owner) this.reserved.splice(i, 1);
	}

	/**
	 * Map pieces one after another; if `iova` is undefined, a place is chosen. Returns the IOVA of the first, or minus
	 * the errno with nothing mapped.
	 */
	map(pieces: readonly Piece[], iova: bigint | undefined, prot: Protection): bigint {
		let length = 0n;
		for (const piece of pieces) length += piece.length;
		const { reasons } = this;
		if (length & (this.alignment - 1n)) return reasons.failBig(mapChecks.lengthAlignment, length, this.alignment);
		const at = iova ?? place(this, pieces[0], length);
		if (at < 0n) return at;
		if (iova !== undefined) {
			const rc = this.#check(iova, length);
			if (rc < 0) return BigInt(rc);
		}
		const areas: Area[] = [];
		let start = at;
		for (const piece of pieces) {
			const rc = this.#checkPiece(piece, prot);
			if (rc < 0) return BigInt(rc);
			if (!this.services.allocation()) return reasons.failBig(mapChecks.areaMemory, this.services.allocations);
			areas.push(new Area(start, start + piece.length - 1n, piece.pages, piece.startByte, prot.readable, prot.writable));
			start += piece.length;
		}
		if (this.domains.length > 0) {
			let rc = this.#fill(areas);
			if (rc < 0) return BigInt(rc);
			for (const domain of this.domains) if (rc === 0) rc = refusal(domain, areas);
			if (rc < 0) {
				for (const area of areas) drain(area);
				return BigInt(rc);
			}
		}
		for (const area of areas) this.#insert(area);
		return at;
	}

	/**
	 * Unmap all areas in [start, last]. `done` counts the unmapped bytes, also on failure: -ENOENT at an area that
	 * extends beyond the range, -EBUSY at one that hardware holds, -EDEADLOCK at one that an access does not release.
	 */
	unmap(start: bigint, last: bigint): { rc: Ret; done: bigint } {
		let done = 0n;
		for (;;) {
			const area = this.areas.first(start, last);
			if (area === undefined) return { rc: 0, done };
			if (area.locks > 0) return { rc: this.reasons.fail(unmapChecks.queueHolds, area.start, area.last, () => this.#lockers(area)), done };
			if (area.start < start || area.last > last)
				return { rc: this.reasons.fail(unmapChecks.partOfArea, area.start, area.last, start, last), done };
			if (area.accesses > 0) {
				area.closing = true;
				for (const access of [...this.accesses]) access.unmap(area.start, area.length);
				if (area.accesses > 0) return { rc: this.reasons.fail(unmapChecks.accessHolds, area.start, area.last), done };
			}
			this.#remove(area);
			done += area.length;
		}
	}

	/**
	 * Split the areas that contain the IOVAs in `lasts`, so that an area ends at each of them. -EBUSY, -EINVAL where an
	 * area cannot be split; earlier splits stay.
	 */
	cut(lasts: readonly bigint[]): Ret {
		for (const last of lasts) {
			const area = this.find(last);
			// Linux does not split an area that begins at this very byte either.
			if (area === undefined || area.last === last || area.start === last) continue;
			const rc = this.#split(area, last + 1n);
			if (rc < 0) return rc;
		}
		return 0;
	}

	/** The pieces that cover [iova, iova+length) without a gap, or -EINVAL, -EOVERFLOW, -ENOENT. */
	pieces(iova: bigint, length: bigint): Piece[] | Ret {
		if (length === 0n) return this.reasons.fail(piecesChecks.sourceLength);
		const last = iova + length - 1n;
		if (last > IOVA_MAX) return this.reasons.fail(piecesChecks.sourceEnd, length, iova);
		const found: Piece[] = [];
		for (const { area, from, to } of this.walk(iova, last)) {
			if (area === undefined) return this.reasons.fail(piecesChecks.sourceGap, from);
			found.push({ pages: area.pages, startByte: area.byte(from), length: to - from + 1n });
		}
		return found;
	}

	/** The parts of areas that cover [iova, last], in order; `area` undefined marks a gap and ends the walk. */
	*walk(iova: bigint, last: bigint): Generator<{ area: Area | undefined; from: bigint; to: bigint }> {
		for (let at = iova; at <= last; ) {
			const area = this.find(at);
			if (area === undefined) {
				yield { area, from: at, to: last };
				return;
			}
			const to = area.last < last ? area.last : last;
			yield { area, from: at, to };
			at = to + 1n;
		}
	}

	/**
	 * Attach a page table: reserves everything outside its aperture, raises the alignment, pins the mapped pages.
	 * On -EADDRINUSE, -EINVAL, -EFAULT nothing changes.
	 */
	addDomain(domain: SpaceDomain): Ret {
		const alignment = max(domain.smallestPage, this.alignment);
		if (alignment > PAGE) return this.reasons.fail(domainChecks.pageSize, domain.smallestPage);
		const unaligned = this.#unaligned(alignment);
		if (unaligned !== undefined) return this.reasons.fail(domainChecks.domainAlignment, unaligned.start, domain.smallestPage);
		const { start, last } = domain.aperture;
		let rc: Ret = 0;
		if (start !== 0n) rc = this.reserve(0n, start - 1n, domain, OUTSIDE);
		if (rc === 0 && last !== IOVA_MAX) rc = this.reserve(last + 1n, IOVA_MAX, domain, OUTSIDE);
		const first = this.domains.length === 0;
		if (rc === 0 && first) rc = this.#fill([...this.areas]);
		if (rc === 0) {
			rc = refusal(domain, this.areas);
			if (rc < 0 && first) for (const area of this.areas) drain(area);
		}
		if (rc < 0) {
			this.unreserve(domain);
			return rc;
		}
		this.domains.push(domain);
		this.alignment = alignment;
		return 0;
	}

	removeDomain(domain: SpaceDomain): void {
		const at = this.domains.indexOf(domain);
		if (at < 0) return;
		this.domains.splice(at, 1);
		this.unreserve(domain);
		if (this.domains.length === 0) for (const area of this.areas) drain(area);
		this.#lowerAlignment();
	}

	/** -EADDRINUSE where an area does not fit its alignment. */
	addAccess(access: SpaceAccess): Ret {
		const alignment = max(access.alignment, this.alignment);
		const unaligned = this.#unaligned(alignment);
		if (unaligned !== undefined) return this.reasons.fail(accessSpaceChecks.accessAlignment, unaligned.start);
		this.accesses.push(access);
		this.alignment = alignment;
		return 0;
	}

	removeAccess(access: SpaceAccess): void {
		const at = this.accesses.indexOf(access);
		if (at < 0) return;
		this.accesses.splice(at, 1);
		this.#lowerAlignment();
	}

	/** IOMMU_OPTION_HUGE_PAGES. -EINVAL once a page table holds mappings, -EADDRINUSE where an area is not page-aligned. */
	setLargePages(on: boolean): Ret {
		if (on === this.#largePages) return 0;
		if (!on) {
			if (this.domains.length > 0 && this.areas.size > 0) return this.reasons.fail(largePagesChecks.hugeInUse, this.areas.size);
			const unaligned = this.#unaligned(max(PAGE, this.alignment));
			if (unaligned !== undefined) return this.reasons.fail(largePagesChecks.hugeAlignment, unaligned.start);
		}
		this.#largePages = on;
		this.#lowerAlignment();
		return 0;
	}

	/** Remove everything, once no page table is attached. */
	destroy(): void {
		for (const area of [...this.areas]) this.#remove(area);
		this.allowed = [];
		this.allowedRuns = [];
	}

	#split(area: Area, at: bigint): Ret {
		const { reasons } = this;
		const { start, last, pages, startByte, readable, writable } = area;
		if (area.closing) return reasons.fail(splitChecks.splitClosing, start, last);
		const mask = this.alignment - 1n;
		if ((at & mask) !== 0n || (area.byte(at) & 0xfffn & mask) !== 0n)
			return reasons.fail(splitChecks.splitAlignment, start, last, at, this.alignment);
		if (area.accesses > 0) return reasons.fail(splitChecks.splitAccess, start, last);
		if (this.domains.length > 0 && this.#largePages) return reasons.fail(splitChecks.splitHuge, start, last);
		const low = new Area(start, at - 1n, pages, startByte, readable, writable);
		const high = new Area(at, last, pages, area.byte(at), readable, writable);
		const filled = area.filled;
		// The halves take their pins before the whole drops its own, so the pages stay the same.
		const rc = filled ? this.#fill([low, high]) : 0;
		if (rc < 0) return rc;
		drain(area);
		this.areas.delete(area);
		this.#insert(low);
		this.#insert(high);
		area.pages.unmapped();
		return 0;
	}

	/** Pin the pages of areas for page tables: all of them, or none with minus the errno. */
	#fill(areas: readonly Area[]): Ret {
		for (let i = 0; i < areas.length; i++) {
			const area = areas[i];
			let rc: Ret = 0;
			if (!this.services.allocation()) rc = this.reasons.fail(pinChecks.pinMemory, this.services.allocations);
			if (rc === 0 && area.pages.isDevice) continue;
			if (rc === 0) rc = area.pages.pin(area.firstPage, area.pageCount, this.reasons);
			if (rc === 0) {
				area.filled = true;
				if (!area.readable && !area.writable) {
					this.services.warn(`WARNING: IOVA 0x${area.start.toString(16)}: a mapping with neither read nor write`);
					drain(area);
					rc = this.reasons.fail(pinChecks.areaNoAccess, area.start);
				}
			}
			if (rc < 0) {
				for (const earlier of areas.slice(0, i)) drain(earlier);
				return rc;
			}
		}
		return 0;
	}

	#remove(area: Area): void {
		for (const domain of this.domains) domain.unmapped?.(area);
		drain(area);
		this.areas.delete(area);
		area.pages.unmapped();
	}

	#insert(area: Area): void {
		area.pages.mapped();
		this.areas.insert(area);
	}

	#reservedIn(start: bigint, last: bigint): Reserved | undefined {
		return this.reserved.find((range) => range.start <= last && range.last >= start);
	}

	#check(iova: bigint, length: bigint): Ret {
		const { reasons } = this;
		if (iova % this.alignment !== 0n) return reasons.fail(mapChecks.iovaAlignment, iova, this.alignment);
		const last = iova + length - 1n;
		if (last > IOVA_MAX) return reasons.fail(mapChecks.iovaEnd, length, iova);
		const taken = this.#reservedIn(iova, last);
		if (taken !== undefined) return reasons.fail(mapChecks.iovaReserved, iova, last, taken.start, taken.last, taken.what);
		const area = this.areas.first(iova, last);
		return area === undefined ? 0 : reasons.fail(mapChecks.iovaMapped, iova, last, area.start, area.last);
	}

	#checkPiece(piece: Piece, prot: Protection): Ret {
		const { reasons } = this;
		if (prot.writable && !piece.pages.writable) return reasons.fail(mapChecks.readOnlySource);
		const mask = this.alignment - 1n;
		if ((piece.startByte & 0xfffn & mask) !== 0n)
			return reasons.fail(mapChecks.addressAlignment, Number(piece.startByte & 0xfffn), this.alignment);
		if (piece.length === 0n || (piece.length & mask) !== 0n) return reasons.fail(mapChecks.pieceLength, piece.length, this.alignment);
		return 0;
	}

	/** Who locks pages of the area. */
	#lockers(area: Area): string {
		const names = this.accesses.map((access) => access.locks?.(area)).filter((name) => name !== undefined);
		return names.length > 0 ? names.join(", ") : "hardware";
	}

	/** An area that does not fit the alignment. */
	#unaligned(alignment: bigint): Area | undefined {
		if (alignment <= this.alignment) return undefined;
		const mask = alignment - 1n;
		for (const area of this.areas) {
			const { start, length, startByte } = area;
			if ((start & mask) !== 0n || (length & mask) !== 0n || (startByte & 0xfffn & mask) !== 0n) return area;
		}
		return undefined;
	}

	#lowerAlignment(): void {
		let alignment = this.#largePages ? 1n : PAGE;
		for (const domain of this.domains) alignment = max(alignment, domain.smallestPage);
		for (const access of this.accesses) alignment = max(alignment, access.alignment);
		this.alignment = alignment;
	}
}

/** The page table's errno for the first area that it cannot hold; 0 if it can hold them all. */
function refusal(domain: SpaceDomain, areas: Iterable<Area>): Ret {
	if (domain.canMap === undefined) return 0;
	for (const area of areas) {
		const rc = domain.canMap(area);
		if (rc < 0) return rc;
	}
	return 0;
}

function drain(area: Area): void {
	if (!area.filled) return;
	area.filled = false;
	area.pages.unpin(area.firstPage, area.pageCount);
}

function compare(a: bigint, b: bigint): number {
	return a < b ? -1 : a > b ? 1 : 0;
}

function max(a: bigint, b: bigint): bigint {
	return a > b ? a : b;
}

/** Sorted ranges, with those that touch as one. */
function joined(ranges: readonly Interval[]): Interval[] {
	const runs: Interval[] = [];
	for (const range of ranges) {
		const before = runs.at(-1);
		if (before !== undefined && before.last + 1n === range.start) runs[runs.length - 1] = { start: before.start, last: range.last };
		else runs.push(range);
	}
	return runs;
}
