/** Reads and writes single numbers in the bytes of a struct, as described by its fields. */
import type { FieldInfo } from "../../structs/index.js";
import { bits, mask, put } from "../formats/bits.js";

/** Writes one number (or the elements of an array) at its offset; high bits that do not fit are dropped. */
export function writeLeaf(bytes: Uint8Array, field: FieldInfo, value: bigint | readonly bigint[]): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (field.bits) {
		const { shift, width } = field.bits;
		const high = shift + width - 1;
		const rest = BigInt(view.getUint32(field.offset, true)) & ~mask(high, shift);
		view.setUint32(field.offset, Number(rest | put(value as bigint, high, shift)), true);
		return;
	}
	const width = field.scalar?.size ?? field.size;
	const values = typeof value === "bigint" ? [value] : value;
	for (let i = 0; i < values.length; i++) writeNumber(view, field.offset + i * width, width, values[i]);
}

function writeNumber(view: DataView, offset: number, width: number, value: bigint): void {
	if (width === 8) view.setBigUint64(offset, BigInt.asUintN(64, value), true);
	else if (width === 4) view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
	else if (width === 2) view.setUint16(offset, Number(BigInt.asUintN(16, value)), true);
	else view.setUint8(offset, Number(BigInt.asUintN(8, value)));
}

/** Reads one number, or an array's first element. Missing bytes count as zero. */
export function readLeaf(bytes: Uint8Array, field: FieldInfo): bigint {
	const width = field.scalar?.size ?? Math.min(field.size, 8);
	let value = 0n;
	for (let i = Math.min(width, bytes.length - field.offset) - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[field.offset + i]);
	if (field.bits) return bits(value, field.bits.shift + field.bits.width - 1, field.bits.shift);
	return field.scalar?.signed ? BigInt.asIntN(width * 8, value) : value;
}
