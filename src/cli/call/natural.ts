/** Reads and shows values the way people write them: sizes, ranges, hex bytes, UUIDs. */
import { type FieldInfo, formatValue, hexText, inDecimal, parseNumber as parseOne, parseValue } from "../../../structs/index.js";
import { readLeaf } from "../../client/leaves.js";
import { UsageError } from "../frame/exit.js";
import type { FieldValue } from "./draft.js";

/** `4096`, `0x1000`, `4k`, `2M`, and expressions: `0x1000+4k`, `BIT(63)-1`. @throws InputError */
export const parseNumber = parseOne;

/** The longest buffer of ours that a command places (bytes). */
const longestBuffer = 1n << 28n;

/** The length of a buffer, in bytes. @throws UsageError if it is unreasonably large */
export function parseLength(text: string, where: string): number {
	const length = parseNumber(text, where);
	if (length < 0n || length > longestBuffer) throw new UsageError(`${where}: ${text} is not a valid length for a buffer`, "at most 256M");
	return Number(length);
}

/** A file's number as a program may pass it: any 32 bits. */
export function parseFd(text: string, where: string): number {
	return Number(BigInt.asIntN(32, parseNumber(text, where)));
}

/**
 * A field's value as typed. With `raw` a number too large for the field is accepted: its low bits count.
 * @throws InputError that begins with `where`
 */
export function parseField(field: FieldInfo, text: string, where: string, raw = false): FieldValue {
	if (raw && field.length === undefined && /^-?\d/.test(text) && !text.includes("|")) return parseNumber(text, where);
	const value = parseValue(field, text, where);
	if (Array.isArray(value)) return value.map((one) => BigInt(one as number | bigint));
	return BigInt(value as number | bigint);
}

/** `START-LAST`, both included, or `START+LENGTH`. @throws UsageError, InputError */
export function parseRange(text: string, where: string): { start: bigint; last: bigint } {
	const match = /^([^-+]+)([-+])([^-+]+)$/.exec(text.trim());
	if (!match) throw new UsageError(`${where}: "${text}" is not a range`, "for example 0x1000-0x1fff, or 0x1000+4k");
	const start = parseNumber(match[1], where);
	const end = parseNumber(match[3], where);
	return { start, last: match[2] === "-" ? end : start + end - 1n };
}

/** `0,3,8-15`: numbers below `limit`. @throws UsageError */
export function parseIndexes(text: string, limit: number, where: string): Set<number> {
	const found = new Set<number>();
	for (const piece of text.split(",")) {
		const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(piece);
		if (!match) throw new UsageError(`${where}: "${piece}" is neither a number nor a range`, "for example 0,3,8-15");
		const [first, last] = [match[1], match[2] ?? match[1]].map((one) => Number(parseNumber(one, where)));
		if (last >= limit) throw new UsageError(`${where}: ${last} is beyond the range, which ends at ${limit - 1}`);
		for (let at = first; at <= last; at++) found.add(at);
	}
	return found;
}

/** Bytes in hex, with spaces, colons or commas between them, or not. @throws UsageError */
export function parseHexBytes(text: string, where: string): Uint8Array {
	const digits = text.replace(/^0x/i, "").replace(/[\s:,_]/g, "");
	const wrong = /[^0-9a-f]/i.exec(digits);
	if (wrong) throw new UsageError(`${where}: "${wrong[0]}" is not a hex digit`, "two hex digits a byte, for example 0c00000000000000");
	if (digits.length % 2 !== 0) throw new UsageError(`${where}: an odd number of hex digits`, "two a byte");
	return Buffer.from(digits, "hex");
}

/** The 16 bytes of `83d8a1e0-...`. @throws UsageError */
export function parseUuid(text: string, where: string): Uint8Array {
	if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw new UsageError(`${where}: "${text}" is not a UUID`);
	return Buffer.from(text.replaceAll("-", ""), "hex");
}

function elements(field: FieldInfo, bytes: Uint8Array): bigint[] {
	const size = field.scalar?.size ?? 1;
	const one = { ...field, length: undefined, size };
	return Array.from({ length: field.length ?? 0 }, (_, at) => readLeaf(bytes, { ...one, offset: field.offset + at * size }));
}

/** As the codec gives it: bigint for 64 bits, number for less. */
const native = (field: FieldInfo, value: bigint): number | bigint => (field.scalar?.size === 8 ? value : Number(value));

/** A field of a struct's bytes in words: `FIXED_IOVA|READABLE (0x5)`, `0x1000`, `3`. */
export function showLeaf(field: FieldInfo, bytes: Uint8Array): string {
	const value =
		field.length === undefined ? native(field, readLeaf(bytes, field)) : elements(field, bytes).map((one) => native(field, one));
	return formatValue(field, value);
}

/** A field's value: bigint if it is shown in hex, number if in decimal. */
export function kindOf(field: FieldInfo, value: bigint): number | bigint {
	return inDecimal(field, value) && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** The same for JSON: 64-bit numbers as hex strings, the others as numbers. */
export function jsonLeaf(field: FieldInfo, bytes: Uint8Array): string | number | (string | number)[] {
	const json = (value: bigint) => (field.scalar?.size === 8 ? hexText(value) : Number(value));
	return field.length === undefined ? json(readLeaf(bytes, field)) : elements(field, bytes).map(json);
}
