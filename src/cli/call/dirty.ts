/** Dirty bitmaps as ranges of IOVA. */
export interface DirtyRange {
	readonly start: bigint;
	/** included */
	readonly last: bigint;
}

/** The set bits of a bitmap as ranges of IOVA; neighbours join. */
export function dirtyRanges(bitmap: Uint8Array, iova: bigint, pageSize: bigint): { count: number; ranges: DirtyRange[] } {
	const ranges: DirtyRange[] = [];
	let count = 0;
	let start = -1;
	const close = (end: number) => {
		if (start >= 0) ranges.push({ start: iova + BigInt(start) * pageSize, last: iova + BigInt(end) * pageSize - 1n });
		start = -1;
	};
	for (let at = 0; at < bitmap.length; at++) {
		const byte = bitmap[at];
		// Bitmaps are long and mostly one or the other.
		if (byte === 0) {
			close(at * 8);
			continue;
		}
		for (let bit = 0; bit < 8; bit++) {
			if (byte & (1 << bit)) {
				count++;
				if (start < 0) start = at * 8 + bit;
			} else close(at * 8 + bit);
		}
	}
	close(bitmap.length * 8);
	return { count, ranges };
}
