/** Takes a section out of an ELF file of 64 bits, for kernels and modules that are files. */
import { BtfError } from "./parse.js";

const MAGIC = 0x464c457f;

export const isElf = (bytes: Uint8Array): boolean =>
	bytes.length >= 64 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === MAGIC;

/** The bytes of the section of a name; undefined if there is none. @throws BtfError for what is not as ELF says */
export function elfSection(bytes: Uint8Array, name: string): Uint8Array | undefined {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (bytes[4] !== 2 || bytes[5] !== 1) throw new BtfError("only ELF files of 64 bits, little-endian, are understood");
	const table = Number(view.getBigUint64(40, true));
	const size = view.getUint16(58, true);
	const count = view.getUint16(60, true);
	const names = view.getUint16(62, true);
	if (size < 64 || table + size * count > bytes.length || names >= count) throw new BtfError("its section headers lie outside of the file");
	const section = (index: number): { readonly name: number; readonly at: number; readonly length: number } => {
		const at = table + index * size;
		return {
			name: view.getUint32(at, true),
			at: Number(view.getBigUint64(at + 24, true)),
			length: Number(view.getBigUint64(at + 32, true)),
		};
	};
	const { at: strings, length } = section(names);
	for (let index = 0; index < count; index++) {
		const one = section(index);
		const from = strings + one.name;
		const text = Buffer.from(bytes.buffer, bytes.byteOffset)
			.subarray(from, Math.min(from + name.length + 1, strings + length))
			.toString("latin1");
		if (text !== `${name}\0`) continue;
		if (one.at + one.length > bytes.length) throw new BtfError(`its section ${name} lies outside of the file`);
		return bytes.subarray(one.at, one.at + one.length);
	}
	return undefined;
}
