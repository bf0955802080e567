/** Chooses random values for the fields of uAPI structs. */
import { constantsOf, type FieldInfo, type StructType } from "../../structs/index.js";
import type { Known } from "./known.js";
import type { Random } from "./random.js";

const PAGE = 0x1000n;
const IOVA_MAX = (1n << 64n) - 1n;

/** The kinds of object that a field refers to, by the field's name. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
	pt: ["ioas", "ioas", "hwpt", "viommu"],
	object: ["ioas"],
	access_pages: ["pages"],
};

/** The kind in a field's name: "hwpt" for "out_hwpt_id" and "hwpt_id". */
export function kindOf(name: string): string {
	const kind = name.replace(/^(?:out|dst|src)_/, "").replace(/_(?:id|fd)$/, "");
	return kind === "idev" || kind === "devid" ? "dev" : kind;
}

export function lengthOf(random: Random): bigint {
	if (random.chance(92)) return random.pick([PAGE, PAGE, PAGE, PAGE, 2n * PAGE, 2n * PAGE, 4n * PAGE, 16n * PAGE, 0x800n]);
	return random.pick([0n, 1n, 8n, 64n, 0x200000n, 1n << 40n, IOVA_MAX - 1n, IOVA_MAX, 1n << 63n, random.u64()]);
}

export function iovaOf(random: Random, known: Known): bigint {
	if (known.iovas.length > 0 && random.chance(55)) {
		const near = random.pick(known.iovas) + random.pick([0n, 0n, 0n, 0n, PAGE, -PAGE, 0x800n]);
		return BigInt.asUintN(64, near);
	}
	if (random.chance(90)) return 0x100_0000n + BigInt(random.below(48)) * (random.chance(90) ? PAGE : 0x800n);
	const edge = random.pick([0n, PAGE, 0x7fff_f000n, 0x8000_0000n, 0xfee0_0000n, IOVA_MAX, IOVA_MAX - PAGE + 1n, random.u64()]);
	return random.chance(50) ? edge & ~0xfffn : edge;
}

const constants = new WeakMap<FieldInfo, readonly number[]>();

function constant(random: Random, field: FieldInfo): bigint {
	let values = constants.get(field);
	if (values === undefined) {
		values = constantsOf(field).map(([, value]) => value);
		constants.set(field, values);
	}
	if (!isFlags(field)) return values.length > 0 ? BigInt(random.pick(values)) : 0n;
	let flags = 0n;
	if (random.chance(35)) for (const value of values) if (random.chance(30)) flags |= BigInt(value);
	return flags;
}

function isFlags(field: FieldInfo): boolean {
	return field.name.includes("flags") || field.name === "perm";
}

/** A value for a field, usually one that makes sense. */
export function fieldValue(random: Random, known: Known, field: FieldInfo, struct: StructType): bigint {
	if (random.below(400) === 0) return field.role === "ptr" ? known.wildAddress(random) : random.u64();
	switch (field.role) {
		case "size":
			return random.chance(98) ? BigInt(struct.size) : BigInt(random.pick([0, 4, struct.size - 4, struct.size + 8, random.u32()]));
		case "reserved":
			return random.below(300) > 0 ? 0n : random.u64();
		case "id":
			return BigInt(known.id(random, NAMED[kindOf(field.name)] ?? [kindOf(field.name)]));
		case "fd":
			return BigInt(known.fd(random, random.chance(80) ? "memfd" : "iommufd"));
		case "iova":
			return iovaOf(random, known);
		case "len":
			return lengthOf(random);
		case "ptr":
			return known.address(random);
		case "pasid":
			return random.pick([0n, 1n, 2n, 7n, 1024n, 0xfffffn, 0x100000n, 0xffff_ffffn]);
		default:
			if ((field.set !== undefined || isFlags(field)) && random.chance(97)) return constant(random, field);
			return random.chance(85) ? BigInt(random.below(4)) : random.u64();
	}
}

/** Writes a value into a field of the struct's bytes, truncated to fit. */
export function put(bytes: Uint8Array, field: FieldInfo, value: bigint): void {
	const width = field.scalar?.size ?? 0;
	for (let i = 0; i < width && field.offset + i < bytes.length; i++)
		bytes[field.offset + i] = Number(BigInt.asUintN(64, value >> BigInt(8 * i)) & 0xffn);
}

/** The bytes of a struct with these fields, by their paths; its size is right, and what is not named is 0. */
export function exactStruct(struct: StructType, fields: Readonly<Record<string, bigint | number>>): Uint8Array {
	const bytes = new Uint8Array(struct.size);
	for (const field of struct.leaves) {
		const value = fields[field.path] ?? (field.role === "size" ? struct.size : 0);
		if (field.scalar !== undefined && value !== 0) put(bytes, field, BigInt(value));
	}
	return bytes;
}

/** The bytes of a struct filled with such values. Union members that are not selected stay untouched. */
export function randomStruct(random: Random, known: Known, struct: StructType, fixed: Readonly<Record<string, bigint>> = {}): Uint8Array {
	const bytes = new Uint8Array(struct.size);
	const chosen = new Map<string, bigint>();
	const fill = (fields: readonly FieldInfo[]) => {
		for (const field of fields) {
			if (field.when !== undefined && chosen.get(field.when.by) !== BigInt(field.when.value)) continue;
			if (field.fields !== undefined) {
				fill(field.fields);
				continue;
			}
			const value = fixed[field.path] ?? (field.dir === "out" ? 0n : fieldValue(random, known, field, struct));
			chosen.set(field.name, value);
			put(bytes, field, value);
		}
	};
	fill(struct.fields);
	return bytes;
}
