/** The predicate and bounds of a search for a hole in an interval set. */
import type { Interval } from "./interval.js";

export type Fits = (start: bigint, last: bigint) => bigint | undefined;

/** The parameters of a search for a hole. */
export interface HoleSearch {
	readonly start: bigint;
	readonly last: bigint;
	readonly length: bigint;
	/** `length` as a key: a hole whose key is below it is too small */
	readonly wanted: number;
	readonly fits: Fits;
}

/** Call `fits` for the part of the hole before an interval that is in the range. */
export function holeBefore(item: Interval, before: Interval | undefined, search: HoleSearch): bigint | null | undefined {
	const after = before === undefined ? 0n : before.last + 1n;
	const from = after > search.start ? after : search.start;
	if (from > search.last) return null;
	const end = item.start > search.last ? search.last : item.start - 1n;
	if (end >= from && end - from >= search.length - 1n) {
		const found = search.fits(from, end);
		if (found !== undefined) return found;
	}
	return item.start > search.last ? null : undefined;
}
