/** An IOVA range; `last` is inclusive. */
export interface Interval {
	readonly start: bigint;
	readonly last: bigint;
}

export const IOVA_MAX = (1n << 64n) - 1n;
