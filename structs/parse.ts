/** Values as people write them: `4k`, `0x1000`, `FIXED_IOVA|READABLE`, `addr=0x1000,npages=4,flags=LEAF`. */
import { ExpressionError, evaluate, parseExpression } from "./arithmetic.js";
import { range } from "./codec-plain.js";
import { InputError } from "./errors.js";
import type { FieldInfo } from "./layout.js";
import { hexText, nameOf, valueOfName } from "./names.js";
import { setInfo } from "./sets.js";
import type { StructType } from "./struct-type.js";
import { orNearest } from "./suggest.js";
import type { Scalar } from "./types.js";

export type FieldValue = number | bigint | FieldValue[] | { [name: string]: FieldValue };

const UNITS = "kmgtpe";

/**
 * A number: decimal, 0x, 0o or 0b, with `_` between digits; decimal numbers may also end in k, M, G, T, P or E (powers of 1024).
 * Or an expression of numbers: `4k*16`, `1<<63`, `BIT(63)`, `0x1000-1`.
 */
export function parseNumber(text: string, where = "number"): bigint {
	return /[-+*/%<>&^~()]/.test(text) && !/^\s*-?[\da-z_]*\s*$/i.test(text) ? parseSum(text, where) : parseLiteral(text, where);
}

/** @throws InputError */
function parseSum(text: string, where: string): bigint {
	try {
		return evaluate(parseExpression(text, (one) => parseLiteral(one, where)));
	} catch (error) {
		if (!(error instanceof ExpressionError) || error.message.startsWith(`${where}: `)) throw error;
		throw new InputError(
			`${where}: "${text}" is not a number; write 4096, 0x1000, 4k, 2M or 1G`,
			/[*/%<>&^~()]/.test(text) ? error.message : undefined,
		);
	}
}

function parseLiteral(text: string, where: string): bigint {
	const leading = /^-?0+(\d+(?:[kmgtpe](?:i?b)?)?)$/i.exec(text.trim());
	if (leading && leading[1] !== "0") {
		const [, rest] = leading;
		const either = /^[0-7]+$/.test(rest) ? `: ${Number.parseInt(rest, 8)} or ${rest}? Write 0o${rest} or ${rest}` : `; write ${rest}`;
		throw new InputError(`${where}: "${text}" begins with 0${either}`);
	}
	const match = /^(-?)(?:(0x[\da-f]+|0b[01]+|0o[0-7]+)|(\d+)\s*(?:([kmgtpe])(?:i?b)?)?)$/i.exec(
		text.trim().replace(/(?<=[\da-f])_(?=[\da-f])/gi, ""),
	);
	if (!match) throw new InputError(`${where}: "${text}" is not a number; write 4096, 0x1000, 4k, 2M or 1G`);
	const [, minus, prefixed, digits, unit] = match;
	const n = prefixed ? BigInt(prefixed.toLowerCase()) : BigInt(digits) << BigInt(unit ? 10 * (UNITS.indexOf(unit.toLowerCase()) + 1) : 0);
	return minus ? -n : n;
}

/**
 * A field's value, ready to encode, from text: numbers, names of the field's constants, flags joined by `|`, `,` or `+`;
 * the elements of an array separated by `,`. A negative number in an unsigned field stands for its bits (-1 is all ones).
 */
export function parseValue(field: FieldInfo, text: string, where: string = field.path): FieldValue {
	if (field.length !== undefined) {
		const { scalar, length } = field;
		if (!scalar) throw new InputError(`${where}: an array of structs has no text form; give the bytes of the whole struct: iommuctl raw`);
		const parts = text
			.trim()
			.replace(/^\[|\]$/g, "")
			.split(/[,\s]+/)
			.filter(Boolean);
		if (length > 0 && parts.length > length)
			throw new InputError(`${where}: ${parts.length} elements given, but there is room for only ${length}`);
		return parts.map((part, i) => sized(parseNumber(part, `${where}[${i}]`), scalar, `${where}[${i}]`));
	}
	if (field.bits)
		return Number(fitted(parseSymbolic(field, text, where), 0n, (1n << BigInt(field.bits.width)) - 1n, `${field.bits.width} bits`, where));
	if (!field.scalar) throw new InputError(`${where} is a struct: name one of its fields, such as ${field.fields?.[0]?.path}`);
	return sized(parseSymbolic(field, text, where), field.scalar, where);
}

function parseSymbolic(field: FieldInfo, text: string, where: string): bigint {
	const isFlags = field.set !== undefined && setInfo(field.set).kind === "flags";
	const words = isFlags
		? text
				.split(/[|,+]/)
				.map((word) => word.trim())
				.filter(Boolean)
		: [text.trim()];
	if (words.length === 0 || words[0] === "") throw new InputError(`${where}: no value given`);
	return words.reduce(
		(sum, word) =>
			sum |
			(field.set && !/^-?\d|^[~(]|^(?:BIT|GENMASK)\(/.test(word) ? BigInt(valueOfName(field, word, where)) : parseNumber(word, where)),
		0n,
	);
}

function sized(n: bigint, scalar: Scalar, where: string): number | bigint {
	const [least, most] = range(scalar);
	const bits = n < 0n && !scalar.signed && n >= -(most + 1n) / 2n ? n + most + 1n : n;
	const value = fitted(bits, least, most, scalar.name, where);
	return scalar.size === 8 ? value : Number(value);
}

function fitted(n: bigint, least: bigint, most: bigint, type: string, where: string): bigint {
	if (n < least || n > most)
		throw new InputError(
			`${where}: ${n} does not fit ${type} (${least} to ${most.toString().length > 12 ? `0x${most.toString(16)}` : most})`,
		);
	return n;
}

/**
 * The field of a path as typed: `iova`, `access_pages.iova`, `hwpt-id`; fields of the active union member also without its
 * name (`values` holds the selecting field). An unknown path is an InputError that suggests the nearest name.
 */
export function fieldByPath(type: StructType, path: string, values: Readonly<Record<string, unknown>> = {}): FieldInfo {
	const wanted = path.trim().toLowerCase().replaceAll("-", "_");
	const all = allFields(type.fields);
	const active = type.fields.find((field) => field.when && Number(values[field.when.by] ?? 0) === field.when.value);
	const found = all.find((field) => field.path === wanted) ?? all.find((field) => field.path === `${active?.path}.${wanted}`);
	if (!found)
		throw new InputError(
			`${type.name} has no field "${path}"${
				orNearest(
					path,
					all.map((field) => field.path),
				) || `; its fields are ${type.fields.map((field) => field.name).join(", ")}`
			}`,
		);
	return found;
}

const allFields = (fields: readonly FieldInfo[]): FieldInfo[] => fields.flatMap((field) => [field, ...allFields(field.fields ?? [])]);

/** Set one field of a value by its path, from text. */
export function setField(type: StructType, value: Record<string, FieldValue>, path: string, text: string, where = ""): void {
	const field = fieldByPath(type, path, value);
	const steps = field.path.split(".");
	const last = steps.pop() as string;
	let at = value;
	for (const step of steps) {
		at[step] ??= {};
		at = at[step] as Record<string, FieldValue>;
	}
	at[last] = parseValue(field, text, where + field.path);
}

/** A struct's value from `field=value,field=value`; a piece without `=` belongs to the piece before it (`flags=A,B`). */
export function parseFields(type: StructType, text: string, where = ""): Record<string, FieldValue> {
	const pairs: [path: string, text: string][] = [];
	for (const piece of text.split(",")) {
		const at = piece.indexOf("=");
		const last = pairs.at(-1);
		if (at > 0) pairs.push([piece.slice(0, at), piece.slice(at + 1)]);
		else if (last && at < 0) last[1] += `,${piece}`;
		else if (piece.trim()) throw new InputError(`${where}"${piece}" is not field=value`);
	}
	const value: Record<string, FieldValue> = {};
	for (const [path, given] of pairs) setField(type, value, path, given, where);
	return value;
}

/** Text that `parseValue` accepts: names if they cover the whole value, else the number. */
export function valueText(field: FieldInfo, value: FieldValue): string {
	if (Array.isArray(value)) return value.map((element) => valueText({ ...field, length: undefined }, element)).join(",");
	if (typeof value === "object") throw new InputError(`${field.path} is a struct, not a value`);
	return nameOf(field, value) ?? (typeof value === "bigint" ? hexText(value) : `${value}`);
}
