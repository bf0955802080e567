/** Ranges of addresses, and how invalidations encode them. */

/** A range of addresses by its first and last byte. */
export interface Range {
	readonly first: bigint;
	readonly last: bigint;
}

export const WHOLE: Range = { first: 0n, last: 0xffff_ffff_ffff_ffffn };

/**
 * The range that an address with an S bit covers (ATS, VT-d device TLB, AMD): without S, 4 KiB; with S, the lowest
 * clear bit from bit 12 up gives the size, and all ones (or all but the top bit) mean everything.
 */
export function sizedRange(address: bigint, s: boolean): Range {
	const page = address & ~0xfffn;
	if (!s) return { first: page, last: page | 0xfffn };
	let n = 12n;
	while (n < 64n && (page >> n) & 1n) n++;
	if (n >= 63n) return WHOLE;
	const low = (1n << (n + 1n)) - 1n;
	return { first: page & ~low, last: page | low };
}

/** The aligned range of 2^`order` pages of 4 KiB that holds an address. */
export function pageRange(address: bigint, order: number): Range {
	if (order >= 52) return WHOLE;
	const low = (1n << BigInt(order + 12)) - 1n;
	return { first: address & ~low, last: (address & ~low) | low };
}
