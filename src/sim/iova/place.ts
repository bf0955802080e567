/** Chooses the IOVA of a mapping without IOMMU_IOAS_MAP_FIXED_IOVA. */
import type { Reasons } from "../why/reasons.js";
import type { Area } from "./area.js";
import { placeChecks } from "./checks.js";
import { type Interval, type IntervalSet, IOVA_MAX } from "./interval-set.js";
import type { Piece } from "./iova-space.js";

const PAGE = 0x1000n;
const HUGE_PAGE = 0x200000n;

/** The parts of an IOVA space that placing a mapping depends on. */
interface Room {
	readonly areas: IntervalSet<Area>;
	/** allowed ranges, those that touch as one; empty: everything is allowed */
	readonly allowedRuns: readonly Interval[];
	/** bytes */
	readonly alignment: bigint;
	readonly reasons: Reasons;
	/** the gaps between reserved ranges */
	freeRanges(): Interval[];
}

type Fit = (start: bigint, last: bigint) => bigint | undefined;

/**
 * Where a mapping without FIXED_IOVA goes: the lowest IOVA from one page up that is aligned like its
 * memory and free for `length` bytes. -EOVERFLOW, -EINVAL, -ENOSPC.
 */
export function place(room: Room, piece: Piece, length: bigint): bigint {
	if (length === 0n || length >= IOVA_MAX / 2n) return room.reasons.failBig(placeChecks.placeLength, length);
	const { origin } = piece.pages;
	const first = (origin.type === "user" ? origin.uptr : origin.start) & ~0xfffn;
	const addr = first + piece.startByte;
	const offset = addr & 0xfffn;
	let alignment = roundUpToPowerOfTwo(length);
	if (addr !== 0n) alignment = min(alignment, addr & -addr);
	alignment = min(alignment, HUGE_PAGE);
	if (alignment < room.alignment) return room.reasons.failBig(placeChecks.placeAlignment, addr, length, alignment, room.alignment);
	const fit: Fit = (start, last) => {
		const at = ((start + alignment - 1n) & -alignment) | offset;
		return at <= last && last - at >= length - 1n ? at : undefined;
	};
	const everywhere = [{ start: PAGE, last: IOVA_MAX - PAGE }];
	let gaps: Interval[] | undefined;
	for (const range of room.allowedRuns.length > 0 ? room.allowedRuns : everywhere) {
		const low = max(range.start, PAGE);
		const high = min(range.last, IOVA_MAX - PAGE);
		if (low > high) continue;
		const at = room.areas.firstHole(low, high, length, (start, last) => {
			const from = fit(start, last);
			if (from === undefined) return undefined;
			gaps ??= room.freeRanges();
			return fitBetween(gaps, from, last, fit);
		});
		if (at !== undefined) return at;
	}
	return room.reasons.failBig(placeChecks.noRoom, length, alignment);
}

/** The lowest fit in [start, last] that lies in one of the gaps. */
function fitBetween(gaps: readonly Interval[], start: bigint, last: bigint, fit: Fit): bigint | undefined {
	for (const gap of gaps) {
		const low = max(gap.start, start);
		const high = min(gap.last, last);
		const at = low <= high ? fit(low, high) : undefined;
		if (at !== undefined) return at;
	}
	return undefined;
}

function roundUpToPowerOfTwo(value: bigint): bigint {
	return value <= 1n ? 1n : 1n << BigInt((value - 1n).toString(2).length);
}

function max(a: bigint, b: bigint): bigint {
	return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
	return a < b ? a : b;
}
