/** The fast codec: straight-line code generated once for each struct, over typed arrays that share one buffer. */
// It handles values of the declared types and leaves the rest (a value out of range, a number where a bigint belongs) to
// the plain codec, which converts or rejects it. Hosts are little-endian, as every host is that runs Node and has iommufd.
import { writeOrder } from "./codec-plain.js";
import type { FieldInfo } from "./layout.js";
import type { Scalar } from "./types.js";

/** One buffer, seen at every width. Records start at multiples of their alignment. */
export interface Views {
	readonly u8: Uint8Array;
	readonly u16: Uint16Array;
	readonly u32: Uint32Array;
	readonly s32: Int32Array;
	readonly u64: BigUint64Array;
}

export interface Compiled<T> {
	/** Encode values[from...to], `step` bytes apart as if the first were at `base`; returns the index of the first value left to the plain codec, or `to`. */
	encode(values: readonly unknown[], from: number, to: number, views: Views, base: number, step: number): number;
	/** Decode `count` records from `base` on. */
	decode(views: Views, base: number, count: number, step: number): T[];
	decodeOne(views: Views, base: number): T;
}

/** Two digits long, so that a comparison with it looks at lengths only; with 2^64-1 it would go digit by digit. */
const U64_END = 1n << 64n;

export function makeViews(buffer: ArrayBuffer): Views {
	// Where the buffer's length is not a multiple of an element, the wide views are shorter; the narrow ones cover the rest.
	const whole = (width: number): number => Math.floor(buffer.byteLength / width);
	return {
		u8: new Uint8Array(buffer),
		u16: new Uint16Array(buffer, 0, whole(2)),
		u32: new Uint32Array(buffer, 0, whole(4)),
		s32: new Int32Array(buffer, 0, whole(4)),
		u64: new BigUint64Array(buffer, 0, whole(8)),
	};
}

/** Compile a struct's fields; undefined if this process may not make code from strings, or the struct has no fixed size. */
export function compile<T>(fields: readonly FieldInfo[]): Compiled<T> | undefined {
	if (!fields.every(fixed)) return undefined;
	const names = "const { u8, u16, u32, s32, u64 } = views;";
	const encode = `${names} for (let i = from, o = base + from * step; i < to; i++, o += step) { const v = values[i]; if (typeof v !== "object" || v === null) return i; ${writes(fields, "v")} } return to;`;
	const decode = `${names} const out = []; for (let i = 0, o = base; i < count; i++, o += step) out.push(${reads(fields)}); return out;`;
	const one = `${names} const o = base; return ${reads(fields)};`;
	const body = `"use strict"; return { encode(values, from, to, views, base, step) { ${encode} }, decode(views, base, count, step) { ${decode} }, decodeOne(views, base) { ${one} } };`;
	try {
		return new Function("END", body)(U64_END) as Compiled<T>;
	} catch (error) {
		if (error instanceof EvalError) return undefined;
		throw error;
	}
}

/** The types that have a view. */
const VIEWED: ReadonlySet<string> = new Set(["u8", "u16", "u32", "s32", "u64"]);

const fixed = (field: FieldInfo): boolean => {
	if (field.fields) return field.fields.every(fixed);
	if (field.scalar !== undefined && !VIEWED.has(field.scalar.name)) return false;
	return field.length === undefined || (field.length > 0 && field.scalar !== undefined);
};

const slot = (scalar: Pick<Scalar, "name" | "size">, offset: number): string => {
	const shift = Math.log2(scalar.size);
	return `${scalar.name}[(o >>> ${shift}) + ${offset >>> shift}]`;
};

function writes(fields: readonly FieldInfo[], of: string): string {
	const order = writeOrder(fields);
	const selected = order.filter((field) => field.when);
	if (selected.length === 0) return order.map((field) => write(field, of)).join(" ");
	// The member that the selector names is written last, over the others.
	const plain = order.filter((field) => !field.when).map((field) => write(field, of));
	const isActive = (field: FieldInfo): string => `Number(${of}.${field.when?.by} ?? 0) === ${field.when?.value}`;
	const others = selected.map((field) => `if (!(${isActive(field)})) { ${write(field, of)} }`);
	const active = selected.map((field) => `if (${isActive(field)}) { ${write(field, of)} }`);
	return [...plain, ...others, ...active].join(" ");
}

function write(field: FieldInfo, of: string): string {
	const x = `x${field.path.replaceAll(".", "_")}_`;
	const get = `const ${x} = ${of}.${field.name};`;
	const elsewhere = `else if (${x} !== undefined) return i;`;
	if (field.fields) return `{ ${get} if (typeof ${x} === "object" && ${x} !== null) { ${writes(field.fields, x)} } ${elsewhere} }`;
	if (field.bits) {
		const { shift, width } = field.bits;
		const word = slot({ name: "u32", size: 4 }, field.offset);
		return `{ ${get} if (typeof ${x} === "number") { if ((${x} & ${2 ** width - 1}) !== ${x}) return i; ${word} |= ${x} << ${shift}; } ${elsewhere} }`;
	}
	const scalar = field.scalar as Scalar;
	if (field.length === undefined) return `{ ${get} ${store(scalar, x, field.offset)} ${elsewhere} }`;
	const elements = Array.from(
		{ length: field.length },
		(_, k) => `if (${x}.length > ${k}) { const e = ${x}[${k}]; ${store(scalar, "e", field.offset + k * scalar.size)} else return i; }`,
	);
	return `{ ${get} if (Array.isArray(${x}) && ${x}.length <= ${field.length}) { ${elements.join(" ")} } ${elsewhere} }`;
}

/** `if (it is a number of the right kind) { check it; store it; }`, to be followed by an else. */
function store(scalar: Scalar, x: string, offset: number): string {
	const at = slot(scalar, offset);
	if (scalar.size === 8) {
		// Comparing bigints is the expensive part. If the top bit is clear (in the store, which truncates), one comparison
		// checks both ends of the range, and engines do that one on machine words.
		const top = slot({ name: "u32", size: 4 }, offset + 4);
		return `if (typeof ${x} === "bigint") { ${at} = ${x}; if (${top} >>> 31) { if (${x} >= END || ${x} < 0n) return i; } else if (BigInt.asIntN(64, ${x}) !== ${x}) return i; }`;
	}
	const same = scalar.signed ? `(${x} | 0)` : scalar.size === 4 ? `${x} >>> 0` : `(${x} & ${2 ** (scalar.size * 8) - 1})`;
	return `if (typeof ${x} === "number") { if (${same} !== ${x}) return i; ${at} = ${x}; }`;
}

function reads(fields: readonly FieldInfo[]): string {
	return `{ ${fields.map((field) => `${field.name}: ${read(field)}`).join(", ")} }`;
}

function read(field: FieldInfo): string {
	if (field.fields) return reads(field.fields);
	if (field.bits) return `(${slot({ name: "u32", size: 4 }, field.offset)} >>> ${field.bits.shift}) & ${2 ** field.bits.width - 1}`;
	const scalar = field.scalar as Scalar;
	if (field.length === undefined) return slot(scalar, field.offset);
	return `[${Array.from({ length: field.length }, (_, k) => slot(scalar, field.offset + k * scalar.size)).join(", ")}]`;
}
