import type { FieldInfo } from "../../structs/index.js";

const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** Writes one number (or the elements of an array) at its place; what is too wide loses its high bits. */
export function writeLeaf(bytes: Uint8Array, field: FieldInfo, value: bigint | readonly bigint[]): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (field.bits) {
		const { shift, width } = field.bits;
		const hole = ~(mask(width) << BigInt(shift)) & mask(32);
		const word = BigInt(view.getUint32(field.offset, true));
		view.setUint32(field.offset, Number((word & hole) | (((value as bigint) & mask(width)) << BigInt(shift))), true);
		return;
	}
	const width = field.scalar?.size ?? field.size;
	const values = typeof value === "bigint" ? [value] : value;
	for (let i = 0; i < values.length; i++) writeNumber(view, field.offset + i * width, width, values[i]);
}

function writeNumber(view: DataView, offset: number, width: number, value: bigint): void {
	if (width === 8) view.setBigUint64(offset, value & mask(64), true);
	else if (width === 4) view.setUint32(offset, Number(value & mask(32)), true);
	else if (width === 2) view.setUint16(offset, Number(value & mask(16)), true);
	else view.setUint8(offset, Number(value & mask(8)));
}

/** Reads one number; an array's first element. Bytes that are not there count as zero. */
export function readLeaf(bytes: Uint8Array, field: FieldInfo): bigint {
	const width = field.scalar?.size ?? Math.min(field.size, 8);
	let value = 0n;
	for (let i = Math.min(width, bytes.length - field.offset) - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[field.offset + i]);
	if (field.bits) return (value >> BigInt(field.bits.shift)) & mask(field.bits.width);
	return field.scalar?.signed ? BigInt.asIntN(width * 8, value) : value;
}
