/** Bit fields of single 64-bit words. */
/** Bits of 64-bit words, and numbers as they are printed. */
/** Bits `hi` down to `lo` of a 64-bit word, as the specifications number them. */
export function bits(word: bigint, hi: number, lo: number): bigint {
	return (word >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n);
}

/** A word with bits `hi` to `lo` holding `value`; excess bits of the value are cut off. */
export function put(value: bigint | number, hi: number, lo: number): bigint {
	return (BigInt(value) & ((1n << BigInt(hi - lo + 1)) - 1n)) << BigInt(lo);
}

/** A mask of bits `hi` down to `lo`. */
export function mask(hi: number, lo: number): bigint {
	return ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);
}

export const U64_MAX = 0xffff_ffff_ffff_ffffn;

export function hex(value: bigint | number, digits = 0): string {
	return `0x${value.toString(16).padStart(digits, "0")}`;
}
