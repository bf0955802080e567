/** Hex and bytes, in buffers that are reused: one per size is enough, as a step needs it no longer than until the next. */
const KEPT = 8192;
/** By length. It has all its places at once: with one here and one there it would be kept as a dictionary, which is slow. */
const scratch = new Array<Buffer | undefined>(KEPT + 1);

/** `length` bytes with undefined contents, valid until the next call for that length. */
export function scratchBytes(length: number): Buffer {
	if (length > KEPT) return Buffer.alloc(length);
	scratch[length] ??= Buffer.alloc(length);
	return scratch[length];
}

/** Checked hex to scratch bytes. */
export function scratchFromHex(hex: string): Buffer {
	const bytes = scratchBytes(hex.length >> 1);
	bytes.write(hex, "hex");
	return bytes;
}

/** A scratch copy of the `length` bytes at `at`. For so few a loop is faster than a call of the library. */
export function scratchCopy(from: Buffer, at: number, length: number): Buffer {
	const bytes = scratchBytes(length);
	for (let i = 0; i < length; i++) bytes[i] = from[at + i];
	return bytes;
}

/** Whether `bytes` are those of `kept` at `at`. */
export function holds(kept: Buffer, at: number, bytes: Buffer): boolean {
	for (let i = 0; i < bytes.length; i++) if (bytes[i] !== kept[at + i]) return false;
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
