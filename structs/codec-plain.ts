/** The codec that walks the declaration: complete, with exact error messages, but slow. */
import { InputError } from "./errors.js";
import { type FieldInfo, layout } from "./layout.js";
import type { Scalar } from "./types.js";

const U64_MAX = (1n << 64n) - 1n;

type Values = Readonly<Record<string, unknown>>;

/** The smallest and the largest value of a scalar. */
export function range(scalar: Pick<Scalar, "size" | "signed">): readonly [bigint, bigint] {
	const bits = BigInt(scalar.size * 8);
	return scalar.signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
}

/** Fields in the order to write them: among overlapping members, the active one comes last. */
export function writeOrder(fields: readonly FieldInfo[]): readonly FieldInfo[] {
	const starts = new Set<number>();
	const overlapping = fields.some((field) => starts.size === starts.add(field.offset).size && !field.bits);
	return overlapping ? [...fields.filter((field) => field.dir === "out"), ...fields.filter((field) => field.dir !== "out")] : fields;
}

/** Write a value's fields at `base`, where all bytes are zero; `where` begins every error message. */
export function writeFields(fields: readonly FieldInfo[], value: unknown, view: DataView, base: number, where: string): void {
	if (typeof value !== "object" || value === null) throw new InputError(`${where}: expected fields, got ${show(value)}`);
	const values = value as Values;
	const active = (field: FieldInfo): boolean => field.when !== undefined && Number(values[field.when.by] ?? 0) === field.when.value;
	for (const last of [false, true]) {
		for (const field of writeOrder(fields)) {
			const v = values[field.name];
			if (v !== undefined && active(field) === last) writeField(field, v, view, base, `${where}.${field.name}`);
		}
	}
}

function writeField(field: FieldInfo, value: unknown, view: DataView, base: number, where: string): void {
	if (field.fields) {
		writeFields(field.fields, value, view, base, where);
		return;
	}
	const at = base + field.offset;
	if (field.bits) {
		const { shift, width } = field.bits;
		const n = Number(checked(value, 0n, (1n << BigInt(width)) - 1n, `${width} bits`, where));
		view.setUint32(at, (view.getUint32(at, true) | (n << shift)) >>> 0, true);
		return;
	}
	if (field.length === undefined) {
		writeScalar(field.scalar as Scalar, value, view, at, where);
		return;
	}
	if (!isList(value)) throw new InputError(`${where}: expected a list, got ${show(value)}`);
	if (field.length > 0 && value.length > field.length)
		throw new InputError(`${where}: ${value.length} elements given, but there is room for only ${field.length}`);
	const { step, fields } = elementOf(field);
	for (let i = 0; i < value.length; i++) {
		if (fields) writeFields(fields, value[i], view, at + i * step, `${where}[${i}]`);
		else writeScalar(field.scalar as Scalar, value[i], view, at + i * step, `${where}[${i}]`);
	}
}

/** The distance between an array's elements in bytes, and the fields of each if it is a struct. */
export function elementOf(field: FieldInfo): { step: number; fields?: readonly FieldInfo[] } {
	if (field.decl.kind !== "array" || field.decl.element.kind !== "struct") return { step: field.scalar?.size ?? 0 };
	const { size, fields } = layout(field.decl.element.decl, field.dir);
	return { step: size, fields };
}

function writeScalar(scalar: Scalar, value: unknown, view: DataView, at: number, where: string): void {
	const n = checked(value, ...range(scalar), scalar.name, where);
	if (scalar.size === 8) view.setBigUint64(at, BigInt.asUintN(64, n), true);
	else if (scalar.size === 4) view.setUint32(at, Number(n) >>> 0, true);
	else if (scalar.size === 2) view.setUint16(at, Number(n), true);
	else view.setUint8(at, Number(n));
}

function checked(value: unknown, least: bigint, most: bigint, type: string, where: string): bigint {
	const n = typeof value === "bigint" ? value : typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
	if (n === undefined)
		throw new InputError(`${where}: expected ${type === "u64" || type === "s64" ? "a bigint" : "a whole number"}, got ${show(value)}`);
	if (n < least || n > most)
		throw new InputError(`${where}: ${show(value)} does not fit ${type} (${least} to ${most === U64_MAX ? "2^64-1" : most})`);
	return n;
}

/** Read a struct's fields at `base`; a flexible array takes the whole elements that follow before `end`. */
export function readFields(fields: readonly FieldInfo[], view: DataView, base: number, end: number): Record<string, unknown> {
	const out: Record<string, unknown> = {};
	for (const field of fields) out[field.name] = readField(field, view, base, end);
	return out;
}

function readField(field: FieldInfo, view: DataView, base: number, end: number): unknown {
	const at = base + field.offset;
	if (field.fields) return readFields(field.fields, view, base, end);
	if (field.bits) return (view.getUint32(at, true) >>> field.bits.shift) & (2 ** field.bits.width - 1);
	if (field.length === undefined) return readScalar(field.scalar as Scalar, view, at);
	const { step, fields } = elementOf(field);
	const length = field.length || Math.max(0, Math.floor((end - at) / step));
	return Array.from({ length }, (_, i) =>
		fields ? readFields(fields, view, at + i * step, end) : readScalar(field.scalar as Scalar, view, at + i * step),
	);
}

function readScalar(scalar: Scalar, view: DataView, at: number): number | bigint {
	const { size, signed } = scalar;
	if (size === 8) return signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
	if (size === 4) return signed ? view.getInt32(at, true) : view.getUint32(at, true);
	if (size === 2) return signed ? view.getInt16(at, true) : view.getUint16(at, true);
	return signed ? view.getInt8(at) : view.getUint8(at);
}

function isList(value: unknown): value is ArrayLike<unknown> {
	return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function show(value: unknown): string {
	if (typeof value === "bigint") return value < 0n ? `${value}` : `0x${value.toString(16)}`;
	if (typeof value === "string") return JSON.stringify(value);
	return Array.isArray(value) ? "a list" : typeof value === "object" && value !== null ? "an object" : String(value);
}
