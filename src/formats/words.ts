import { bits, mask, put } from "./bits.js";

/** Where a field is: the number of the 64-bit word, the highest and the lowest bit. */
export type Place = readonly [word: number, hi: number, lo: number];

/** A field of up to three pieces, lowest bits first; `shift`: the value's low bits that are not stored. */
export interface FieldPlace {
	readonly at: readonly Place[];
	readonly shift?: number;
}

export type Layout = Readonly<Record<string, FieldPlace>>;
export type Values = Record<string, bigint>;

/** A field in one piece. */
export const at = (word: number, hi: number, lo: number, shift?: number): FieldPlace => ({
	at: [[word, hi, lo]],
	shift,
});

export function decodeFields(layout: Layout, words: readonly bigint[]): Values {
	const values: Values = {};
	for (const [name, place] of Object.entries(layout)) {
		let value = 0n;
		let have = 0n;
		for (const [word, hi, lo] of place.at) {
			value |= bits(words[word], hi, lo) << have;
			have += BigInt(hi - lo + 1);
		}
		values[name] = value << BigInt(place.shift ?? 0);
	}
	return values;
}

/** The words that hold these values; a name that the layout lacks, or a value too wide, is an error. */
export function encodeFields(layout: Layout, values: Readonly<Values>, words: bigint[]): bigint[] {
	for (const [name, value] of Object.entries(values)) {
		const place = Object.hasOwn(layout, name) ? layout[name] : undefined;
		if (!place) throw new RangeError(`no field "${name}"; there are ${Object.keys(layout).join(", ")}`);
		let rest = value >> BigInt(place.shift ?? 0);
		if (value < 0n || rest << BigInt(place.shift ?? 0) !== value)
			throw new RangeError(`${name}: 0x${value.toString(16)} is not aligned to ${2 ** (place.shift ?? 0)}`);
		for (const [word, hi, lo] of place.at) {
			words[word] |= put(rest, hi, lo);
			rest >>= BigInt(hi - lo + 1);
		}
		if (rest !== 0n) throw new RangeError(`${name}: 0x${value.toString(16)} is too wide`);
	}
	return words;
}

/** What is set outside the layout's fields and `also`: reserved bits, word by word. */
export function strayBits(layout: Layout, words: readonly bigint[], also: readonly Place[]): bigint[] {
	const known = words.map(() => 0n);
	for (const place of [...Object.values(layout).flatMap((f) => f.at), ...also]) known[place[0]] |= mask(place[1], place[2]);
	return words.map((w, i) => w & ~known[i]);
}

/** Little-endian bytes as 64-bit words; what does not fill a word is left out. */
export function toWords(bytes: Uint8Array): bigint[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	return Array.from({ length: bytes.byteLength >> 3 }, (_, i) => view.getBigUint64(i * 8, true));
}

export function fromWords(words: readonly bigint[]): Uint8Array {
	const bytes = new Uint8Array(words.length * 8);
	const view = new DataView(bytes.buffer);
	words.forEach((w, i) => {
		view.setBigUint64(i * 8, w, true);
	});
	return bytes;
}

/** A range of addresses, first and last byte. */
export interface Range {
	readonly first: bigint;
	readonly last: bigint;
}

export const WHOLE: Range = { first: 0n, last: 0xffff_ffff_ffff_ffffn };

/**
 * The range that an address with an S bit means (ATS, VT-d device TLB, AMD): without S 4 KiB; with
 * S the lowest clear bit from bit 12 up tells the size, all ones (or all but the top one) everything.
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
