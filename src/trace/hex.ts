/** Hex and bytes, in buffers that are reused: one per size is enough, as a step needs it no longer than until the next. */
const KEPT = 8192;

/** Some bytes, and the same as words. */
export interface Scratch {
	readonly bytes: Buffer;
	readonly view: DataView;
}

/** By length. It has all its places at once: with one here and one there it would be kept as a dictionary, which is slow. */
const kept = new Array<Scratch | undefined>(KEPT + 1);

/** `length` bytes with undefined contents, valid until the next call for that length. */
export function scratch(length: number): Scratch {
	if (length > KEPT) return newScratch(length);
	kept[length] ??= newScratch(length);
	return kept[length];
}

function newScratch(length: number): Scratch {
	const bytes = Buffer.alloc(length);
	return { bytes, view: viewOf(bytes) };
}

export function scratchBytes(length: number): Buffer {
	return scratch(length).bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Checked hex to scratch bytes. */
export function scratchFromHex(hex: string): Buffer {
	const bytes = scratchBytes(hex.length >> 1);
	bytes.write(hex, "hex");
	return bytes;
}

/** A scratch copy of the `length` bytes at `at`. For so few a loop over their words is faster than a call of the library. */
export function scratchCopy(from: DataView, at: number, length: number): Scratch {
	const copy = scratch(length);
	const { view } = copy;
	let i = 0;
	for (; i + 4 <= length; i += 4) view.setInt32(i, from.getInt32(at + i, true), true);
	for (; i < length; i++) view.setUint8(i, from.getUint8(at + i));
	return copy;
}

/** Whether all of `view` is at `at` in `others`. */
export function same(others: DataView, at: number, view: DataView): boolean {
	const { byteLength } = view;
	let i = 0;
	for (; i + 4 <= byteLength; i += 4) if (view.getInt32(i, true) !== others.getInt32(at + i, true)) return false;
	for (; i < byteLength; i++) if (view.getUint8(i) !== others.getUint8(at + i)) return false;
	return true;
}

/** Whether two hex texts are the same bytes. */
export function sameHex(a: string, b: string): boolean {
	return a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());
}

/** Hex of some bytes. */
export function toHex(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
