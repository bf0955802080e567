/** Bytes of a syzkaller program's arguments: structs by their descriptions, and what has no shape. */
import type { FieldInfo } from "../../../structs/index.js";
import type { Pointee, SyzCall } from "../export/syz-calls.js";
import type { SyzArg } from "./syz-parse.js";

/** Why a call cannot be made. */
export class NotMade extends Error {}

/** What the program knows while it runs. */
export interface SyzValues {
	/** a number, a variable's value, or an address */
	number(arg: SyzArg | undefined): bigint;
	/** the address of a pointer, with these contents written there */
	place(arg: SyzArg & { kind: "pointer" }, contents: Buffer | undefined): bigint;
	/** the start of the data area: where pointers point that a program leaves out */
	readonly start: bigint;
}

/** The struct that a call is given. Fields that are left out have their types' defaults. */
export function structBytes(call: SyzCall, arg: SyzArg, values: SyzValues): Buffer {
	if (arg.kind === "data") return Buffer.from(arg.bytes);
	if (arg.kind !== "list") throw new NotMade("its argument is not a struct");
	const [first] = arg.items;
	const given = first === undefined || first.kind === "auto" ? 0 : Number(values.number(first));
	// A struct that claims a larger size gets it, filled with zeroes.
	const bytes = Buffer.alloc(Math.max(call.size, Math.min(given, 4096)));
	call.fields.forEach((field, at) => {
		const item = arg.items[at];
		const pointee = call.pointees.find((one) => one.field === field.path);
		write(bytes, field, item === undefined ? left(call, field, pointee, values) : fieldValue(call, field, item, arg.items, values));
	});
	const rest = call.rest ? arg.items[call.fields.length] : undefined;
	return rest === undefined ? bytes : Buffer.concat([bytes.subarray(0, call.size), shapeless([rest], values)]);
}

function left(call: SyzCall, field: FieldInfo, pointee: Pointee | undefined, values: SyzValues): bigint {
	if (pointee !== undefined && !pointee.pages) return values.start;
	return call.defaults[field.path] ?? 0n;
}

function fieldValue(call: SyzCall, field: FieldInfo, item: SyzArg, items: readonly SyzArg[], values: SyzValues): bigint {
	if (item.kind === "auto") return computed(call, field, items);
	if (item.kind !== "pointer") return values.number(item);
	const pointee = call.pointees.find((one) => one.field === field.path);
	return values.place(item, item.arg === undefined ? undefined : contentsOf(item, pointee, values));
}

/** AUTO: a constant, or the length of what another field points to. */
function computed(call: SyzCall, field: FieldInfo, items: readonly SyzArg[]): bigint {
	if (field.path in call.defaults) return call.defaults[field.path];
	if (field.offset === 0) return BigInt(call.size);
	const pointee = call.pointees.find(({ count, length }) => count === field.path || length === field.path);
	const pointer = pointee && items[call.fields.findIndex(({ path }) => path === pointee.field)];
	if (pointer?.kind !== "pointer") return 0n;
	if (pointer.arg?.kind === "data") return BigInt(pointer.arg.bytes.length);
	if (pointer.arg?.kind === "list") return BigInt(pointee?.count === undefined ? (pointee?.type?.size ?? 0) : pointer.arg.items.length);
	return pointer.size ?? 0n;
}

/** What a pointer points to. */
export function contentsOf(pointer: SyzArg & { kind: "pointer" }, pointee: Pointee | undefined, values: SyzValues): Buffer {
	const { arg } = pointer;
	if (arg === undefined) return Buffer.alloc(0);
	if (pointer.any) return shapeless([arg], values);
	if (arg.kind === "data") return arg.bytes;
	if (arg.kind !== "list") throw new NotMade("one of its pointers points to something unknown");
	if (pointee?.type === undefined) return shapeless(arg.items, values);
	const { leaves, size } = pointee.type;
	const records = pointee.count === undefined ? [arg] : arg.items;
	const bytes = Buffer.alloc(records.length * size);
	records.forEach((record, index) => {
		if (record.kind !== "list") return;
		record.items.forEach((item, at) => {
			const field = leaves[at];
			if (field === undefined) return;
			const place = { ...field, offset: index * size + field.offset };
			if (item.kind !== "list") write(bytes, place, values.number(item));
			else for (const [nth, one] of item.items.entries()) write(bytes, element(place, nth), values.number(one));
		});
	});
	return bytes;
}

function element(field: FieldInfo, nth: number): FieldInfo {
	const size = field.scalar?.size ?? field.size;
	return { ...field, offset: field.offset + nth * size, size };
}

/** Bytes in the unions' members: what syzkaller calls ANY, for arguments whose shape it gave up. */
const WORDS: Readonly<Record<string, number>> = { ANYRES8: 1, ANYRES16: 2, ANYRES32: 4, ANYRES64: 8 };

/** Data and variables one after another: `[@ANYBLOB="0c00", @ANYRES32=r1, @ANYPTR64=&AUTO="00"]`. */
export function shapeless(items: readonly SyzArg[], values: SyzValues): Buffer {
	return Buffer.concat(
		items.map((item) => {
			if (item.kind === "data") return item.bytes;
			if (item.kind === "list") return shapeless(item.items, values);
			if (item.kind === "union") return member(item, values);
			if (item.kind === "pointer") return words(placed(item, values), 8);
			throw new NotMade("bytes of its argument have an unknown length");
		}),
	);
}

/** A variable that the answer sets, and where in the bytes it is. */
export interface ShapelessResult {
	readonly item: SyzArg & { kind: "result" };
	/** bytes from the argument's beginning */
	readonly offset: number;
	/** bytes */
	readonly size: number;
}

/** The variables that a shapeless argument sets: `@ANYRES32=<r1=>0x0`. */
export function resultsIn(arg: SyzArg): ShapelessResult[] {
	const found: ShapelessResult[] = [];
	let offset = 0;
	const walk = (item: SyzArg): void => {
		if (item.kind === "list") for (const one of item.items) walk(one);
		else if (item.kind === "data") offset += item.bytes.length;
		else if (item.kind === "pointer") offset += 8;
		else if (item.kind === "union") {
			const size = WORDS[item.name] ?? { ANYRESDEC: 20, ANYRESHEX: 18, ANYRESOCT: 23 }[item.name];
			if (size === undefined) {
				if (item.arg) walk(item.arg);
				return;
			}
			if (item.arg?.kind === "result" && item.name in WORDS) found.push({ item: item.arg, offset, size });
			offset += size;
		}
	};
	walk(arg);
	return found;
}

function member({ name, arg }: SyzArg & { kind: "union" }, values: SyzValues): Buffer {
	if (arg === undefined) return Buffer.alloc(0);
	const size = WORDS[name];
	if (size !== undefined) return words(values.number(arg), size);
	// ANYRESDEC and the like: a variable's value as text
	const text = { ANYRESDEC: 10, ANYRESHEX: 16, ANYRESOCT: 8 }[name];
	if (text !== undefined) return numeral(values.number(arg), text);
	return shapeless([arg], values);
}

function placed(pointer: SyzArg & { kind: "pointer" }, values: SyzValues): bigint {
	return values.place(pointer, pointer.arg === undefined ? undefined : contentsOf(pointer, undefined, values));
}

function numeral(value: bigint, base: number): Buffer {
	const text = BigInt.asUintN(64, value).toString(base);
	if (base === 10) return Buffer.from(text.padStart(20, "0"));
	return Buffer.from(base === 16 ? `0x${text.padStart(16, "0")}` : text.padStart(23, "0"));
}

function words(value: bigint, size: number): Buffer {
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
	return bytes.subarray(0, size);
}

/** A field's number into little-endian bytes, as far as they reach. */
export function write(bytes: Buffer, field: Pick<FieldInfo, "offset" | "size">, value: bigint): void {
	words(value, Math.min(field.size, 8)).copy(bytes, field.offset);
}

/** A field's number from little-endian bytes. */
export function readField(bytes: Buffer, field: Pick<FieldInfo, "offset" | "size">): bigint {
	let value = 0n;
	for (let at = field.size - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[field.offset + at] ?? 0);
	return value;
}
