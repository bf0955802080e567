/** Fields in the words of hardware structures: layouts say where each field is; functions decode and encode values by them. */
import { mask, put } from "./bits.js";

/** Where a piece of a field is: the number of the 64-bit word, the highest and the lowest bit. */
export type Place = readonly [word: number, hi: number, lo: number];

/** A field of one or more pieces, lowest bits first. */
export interface Field {
	readonly at: readonly Place[];
	/** number of low bits of the value that are not stored: 12 for the address of a page */
	readonly shift?: number;
	/** names of values */
	readonly names?: Readonly<Record<string, number>>;
}

/** The fields of a structure, by the specification's names in lower case. */
export type Layout<Name extends string = string> = Readonly<Record<Name, Field>>;
export type Values<Name extends string = string> = Record<Name, bigint>;

/** A field in one piece. */
export const at = (word: number, hi: number, lo: number, shift?: number): Field => ({ at: [[word, hi, lo]], shift });

interface Piece {
	readonly word: number;
	readonly lo: bigint;
	readonly ones: bigint;
	/** bits of the value that the earlier pieces hold */
	readonly have: bigint;
}

/** A field with its shifts and masks worked out. */
interface Compiled {
	readonly name: string;
	readonly first: Piece;
	readonly others: readonly Piece[];
	readonly shift: bigint;
	readonly limit: bigint;
	/** how far the value itself moves up into the first piece */
	readonly up: bigint;
}

interface CompiledLayout {
	readonly fields: readonly Compiled[];
	readonly byName: ReadonlyMap<string, Compiled>;
	/** bits outside of all fields, word by word; as many words as were asked for */
	readonly reserved: bigint[];
}

/** The layouts used so far: each is compiled once. */
const compiled = new WeakMap<Layout, CompiledLayout>();

function compile(layout: Layout): CompiledLayout {
	const known = compiled.get(layout);
	if (known !== undefined) return known;
	const fields = Object.entries(layout).map(([name, field]) => {
		const [first, ...others] = piecesOf(field);
		const shift = BigInt(field.shift ?? 0);
		return { name, first, others, shift, limit: limitOf(field), up: first.lo - shift };
	});
	const made = { fields, byName: new Map(fields.map((field) => [field.name, field])), reserved: [] };
	compiled.set(layout, made);
	return made;
}

function piecesOf(field: Field): Piece[] {
	let have = 0n;
	return field.at.map(([word, hi, lo]) => {
		const piece = { word, lo: BigInt(lo), ones: mask(hi - lo, 0), have };
		have += BigInt(hi - lo + 1);
		return piece;
	});
}

/** Width of a field in bits, without the low bits that are not stored. */
export const widthOf = (field: Field): number => field.at.reduce((bits, [, hi, lo]) => bits + hi - lo + 1, 0);

/** The largest value of a field. It is also the mask of all bits that a value may have. */
export const limitOf = (field: Field): bigint => put(-1n, widthOf(field) - 1, 0) << BigInt(field.shift ?? 0);

/** Whether a field can hold a value. */
export const fits = (field: Field, value: bigint): boolean => value >= 0n && (value & ~limitOf(field)) === 0n;

/** The values of all fields. */
export function decodeFields<Name extends string>(layout: Layout<Name>, words: readonly bigint[]): Values<Name> {
	const values: Values = {};
	for (const { name, first, others, shift } of compile(layout).fields) {
		let value = (words[first.word] >> first.lo) & first.ones;
		for (const { word, lo, ones, have } of others) value |= ((words[word] >> lo) & ones) << have;
		values[name] = shift === 0n ? value : value << shift;
	}
	return values;
}

/** ORs a value into a field's bits; high bits that do not fit and low bits that are not stored are dropped. */
export function placeField(words: bigint[], field: Field, value: bigint): void {
	let rest = value >> BigInt(field.shift ?? 0);
	for (const [word, hi, lo] of field.at) {
		words[word] |= put(rest, hi, lo);
		rest >>= BigInt(hi - lo + 1);
	}
}

/** The words that hold these values. @throws RangeError for a field that the layout does not have or a value that does not fit */
export function encodeFields(layout: Layout, values: Readonly<Values>, words: bigint[]): bigint[] {
	const { byName } = compile(layout);
	for (const name of Object.keys(values)) {
		const field = byName.get(name);
		if (field === undefined) throw new RangeError(`no field "${name}"; the fields are ${Object.keys(layout).join(", ")}`);
		if (!set(words, field, values[name])) throw misfit(name, values[name], field.shift);
	}
	return words;
}

/** ORs a value into the bits of a layout's field. Returns false, and changes nothing, if it does not fit. */
export function encodeField<Name extends string>(layout: Layout<Name>, name: Name, value: bigint, words: bigint[]): boolean {
	return set(words, compile(layout).byName.get(name) as Compiled, value);
}

function set(words: bigint[], { first, others, shift, limit, up }: Compiled, value: bigint): boolean {
	if (value < 0n || (value & limit) !== value) return false;
	if (others.length === 0) {
		words[first.word] |= value << up;
		return true;
	}
	const bits = value >> shift;
	words[first.word] |= (bits & first.ones) << first.lo;
	for (const { word, lo, ones, have } of others) words[word] |= ((bits >> have) & ones) << lo;
	return true;
}

function misfit(name: string, value: bigint, shift: bigint): RangeError {
	if (value < 0n) return new RangeError(`${name}: ${value} is negative`);
	const misaligned = (value >> shift) << shift !== value;
	return new RangeError(`${name}: 0x${value.toString(16)} is ${misaligned ? `not aligned to ${1n << shift}` : "too wide"}`);
}

/** The fields that are not 0, as text: `asid=1 address=0x1000`. Values whose low bits are not stored are printed as addresses. */
export function describeFields(layout: Layout, words: readonly bigint[]): string[] {
	return Object.entries(decodeFields(layout, words)).flatMap(([name, value]) => {
		if (value === 0n) return [];
		return [`${name}=${layout[name].shift ? `0x${value.toString(16)}` : value}`];
	});
}

/** Makes a function that reads one field of a structure's words. The position is worked out here, once, for tables that every access reads. */
export function reader<Name extends string>(layout: Layout<Name>, name: Name): (words: readonly bigint[]) => bigint {
	const field = layout[name];
	const [{ word, lo, ones }, ...others] = piecesOf(field);
	const shift = BigInt(field.shift ?? 0);
	if (others.length > 0)
		return (words) => {
			let value = (words[word] >> lo) & ones;
			for (const piece of others) value |= ((words[piece.word] >> piece.lo) & piece.ones) << piece.have;
			return value << shift;
		};
	// most addresses are stored in place
	if (shift === lo) {
		const place = ones << lo;
		return (words) => words[word] & place;
	}
	return (words) => ((words[word] >> lo) & ones) << shift;
}

/** The same as a number, for a field of at most 53 bits. */
export function numberReader<Name extends string>(layout: Layout<Name>, name: Name): (words: readonly bigint[]) => number {
	const { at: places, shift } = layout[name];
	const [[word, hi, lo]] = places;
	if (places.length > 1 || shift) {
		const read = reader(layout, name);
		return (words) => Number(read(words));
	}
	const from = BigInt(lo);
	const width = hi - lo + 1;
	return (words) => Number(BigInt.asUintN(width, words[word] >> from));
}

/** The same as a boolean: whether any bit of the field is set. */
export function flagReader<Name extends string>(layout: Layout<Name>, name: Name): (words: readonly bigint[]) => boolean {
	const [[word]] = layout[name].at;
	const place = maskOf(layout, [name], word);
	return (words) => (words[word] & place) !== 0n;
}

/** The bits of a word that these fields occupy. */
export function maskOf<Name extends string>(layout: Layout<Name>, names: readonly Name[], word = 0): bigint {
	let bits = 0n;
	for (const name of names) for (const [at, hi, lo] of layout[name].at) if (at === word) bits |= mask(hi, lo);
	return bits;
}

/** The reserved bits of a word: those outside of all fields. */
export const reservedOf = (layout: Layout, word = 0): bigint => mask(63, 0) & ~maskOf(layout, Object.keys(layout), word);

/** The bits that are set outside the layout's fields and the bits in `also`, word by word. */
export function strayBits(layout: Layout, words: readonly bigint[], also: readonly bigint[]): bigint[] {
	const { reserved } = compile(layout);
	for (let word = reserved.length; word < words.length; word++) reserved.push(reservedOf(layout, word));
	return words.map((word, i) => word & reserved[i] & ~(also[i] ?? 0n));
}

/** Little-endian bytes as 64-bit words; an incomplete word at the end is left out. */
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
