/** Prints a struct's bytes, field by field. */
import { readFields } from "./codec-plain.js";
import { countingFields } from "./json.js";
import type { FieldInfo } from "./layout.js";
import { hexText, inDecimal, nameOf } from "./names.js";
import type { StructType } from "./struct-type.js";

export interface FormatOptions {
	/** Put before every line. */
	readonly indent?: string;
	/** The uAPI's full constant names, not the short ones. */
	readonly full?: boolean;
	/** Reserved fields too, even if they are zero. */
	readonly all?: boolean;
}

interface Leaf {
	readonly field: FieldInfo;
	readonly value: unknown;
}

/**
 * One line for each field, `name = value`, aligned; constants by name, the number in brackets. Of the test command's
 * union, only the member that its op reads is shown. Missing bytes are left out; bytes beyond the struct are shown as hex.
 */
export function formatStruct(type: StructType, bytes: Uint8Array, options: FormatOptions = {}): string[] {
	const shown = leavesOf(type, bytes, options.all);
	const width = Math.max(0, ...shown.map(({ field }) => field.path.length));
	const lines = shown.map(({ field, value }) => `${field.path.padEnd(width)} = ${formatValue(field, value, options)}`);
	if (bytes.length < type.size) lines.push(`(${bytes.length} of ${type.size} bytes)`);
	const rest = bytes.subarray(type.size);
	if (rest.length > 0 && type.fields.at(-1)?.length !== 0) lines.push(`beyond the struct: ${hexBytes(rest)}`);
	return lines.map((line) => (options.indent ?? "") + line);
}

/** The same on one line, `name=value name=value`, without fields that are zero. */
export function formatLine(type: StructType, bytes: Uint8Array, options: FormatOptions = {}): string {
	const leaves = leavesOf(type, bytes, options.all).filter(({ field, value }) => options.all || (field.role !== "size" && !isZero(value)));
	return leaves
		.map(({ field, value }) => `${field.path}=${nameOf(field, value as number, options.full) ?? formatValue(field, value)}`)
		.join(" ");
}

function leavesOf(type: StructType, bytes: Uint8Array, all = false): Leaf[] {
	const padded = bytes.length < type.size ? new Uint8Array(type.size) : bytes;
	if (padded !== bytes) padded.set(bytes);
	const values = readFields(type.fields, new DataView(padded.buffer, padded.byteOffset, padded.length), 0, padded.length);
	const leaves = walk(type.fields, values).filter(({ field }) => field.offset + field.size <= bytes.length);
	return all ? leaves : leaves.filter(({ field, value }) => field.role !== "reserved" || !isZero(value));
}

/** Fields that hold numbers. A union whose selector names no member shows the members that are not zero. */
function walk(fields: readonly FieldInfo[], values: Readonly<Record<string, unknown>>): Leaf[] {
	const counting = countingFields(fields, values);
	const undecided = counting.filter((field) => field.when).length > 1;
	return counting.flatMap((field) => {
		const value = values[field.name];
		if (!field.fields) return [{ field, value }];
		const inner = walk(field.fields, value as Readonly<Record<string, unknown>>);
		return undecided && field.when ? inner.filter((leaf) => !isZero(leaf.value)) : inner;
	});
}

/** A field's value as text: `FIXED_IOVA|READABLE (0x5)`, `VTD_S1 (1)`, `0x1000`, `3`, `[0x1, 0x2]`. */
export function formatValue(field: FieldInfo, value: unknown, options: Pick<FormatOptions, "full"> = {}): string {
	if (Array.isArray(value))
		return `[${value.map((element) => (typeof element === "object" ? formatElement(element) : formatNumber(field, element))).join(", ")}]`;
	const number = value as number | bigint;
	const name = nameOf(field, number, options.full);
	return name === undefined ? formatNumber(field, number) : `${name} (${formatNumber(field, number)})`;
}

/** A number as its kind is shown. */
function formatNumber(field: FieldInfo, value: number | bigint): string {
	const plain = Number(value) === 0 || inDecimal(field, value);
	return plain ? value.toString() : hexText(value);
}

function formatElement(element: Readonly<Record<string, number | bigint>>): string {
	return `{${Object.entries(element)
		.map(([name, value]) => `${name}=${typeof value === "bigint" ? `0x${value.toString(16)}` : value}`)
		.join(" ")}}`;
}

const isZero = (value: unknown): boolean => (Array.isArray(value) ? value.every(isZero) : Number(value) === 0);

const hexBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
