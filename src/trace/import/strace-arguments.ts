/** The arguments of ioctls in strace logs, as bytes. */
import { parseValue, type StructType } from "../../../structs/index.js";
import { splitAt, stringBytes } from "./strace-parse.js";

/** Why a call of a log is not taken over. */
export class NotTaken extends Error {}

/** An argument's bytes before and after the call; undefined if the log has an address or a number. */
export function argumentBytes(
	text: string,
	type: StructType | undefined,
	succeeded: boolean,
): { given: Buffer; after: Buffer } | undefined {
	const [before, behind] = splitAt(text, "=>");
	if (before === undefined || !/^[{"[]/.test(before)) return undefined;
	const [given, after] = [before, behind].map((piece) => (piece === undefined ? undefined : pieceBytes(piece, type)));
	if (given === undefined) return undefined;
	if (before.startsWith('"') || type === undefined) return { given: given.bytes, after: after?.bytes ?? Buffer.from(given.bytes) };
	// A struct that is printed once is printed after the call: fields that only the kernel fills were not given.
	const whole = after === undefined ? given.bytes : merged(type, given.bytes, after);
	const asked = Buffer.from(given.bytes);
	if (succeeded)
		for (const field of type.leaves)
			if (field.dir === "out" && given.named.has(field.path)) asked.fill(0, field.offset, field.offset + field.size);
	return { given: asked, after: succeeded ? whole : Buffer.from(asked) };
}

interface Piece {
	readonly bytes: Buffer;
	/** fields that the text names */
	readonly named: ReadonlySet<string>;
}

/** The text after `=>` may contain only the fields that changed. */
function merged(type: StructType, given: Buffer, after: Piece): Buffer {
	const bytes = Buffer.from(given);
	for (const field of type.leaves)
		if (after.named.has(field.path)) after.bytes.copy(bytes, field.offset, field.offset, field.offset + field.size);
	return bytes;
}

function pieceBytes(text: string, type: StructType | undefined): Piece {
	if (text.startsWith('"')) {
		const bytes = stringBytes(text);
		if (bytes === undefined) throw new NotTaken("its bytes are cut short (use a larger strace -s)");
		return { bytes, named: new Set() };
	}
	if (text.startsWith("[")) {
		// -e raw, or a plain dump: bytes between brackets
		const bytes = splitAt(text.slice(1, -1), ",").map(Number);
		if (bytes.some((byte) => !(byte >= 0 && byte <= 255))) throw new NotTaken("its bytes are not understood");
		return { bytes: Buffer.from(bytes), named: new Set() };
	}
	if (type === undefined) throw new NotTaken("its fields belong to an unknown struct");
	const named = new Set<string>();
	const bytes = Buffer.alloc(type.size);
	const fields = fieldsOf(text, "");
	if (!fields.has("size") && type.fields[0].role === "size") bytes.writeUInt32LE(type.size);
	for (const [path, value] of fields) {
		const field = type.leaves.find((leaf) => leaf.path === path);
		if (field === undefined) throw new NotTaken(`struct ${type.name} has no field ${path}`);
		named.add(path);
		const one = Buffer.from(type.encode(nested(path, parseValue(field, plain(value), path)) as never));
		one.copy(bytes, field.offset, field.offset, field.offset + field.size);
	}
	return { bytes, named };
}

/** `{a=1, b={c=2}}` by path. */
function fieldsOf(text: string, prefix: string): Map<string, string> {
	const found = new Map<string, string>();
	for (const piece of splitAt(text.replace(/^\{|\}$/g, ""), ",")) {
		const at = piece.indexOf("=");
		if (at < 0) throw new NotTaken(`its struct is cut short (${piece.slice(0, 20) || "nothing"})`);
		const [name, value] = [piece.slice(0, at).trim(), piece.slice(at + 1).trim()];
		if (value.startsWith("{")) for (const [path, inner] of fieldsOf(value, `${prefix}${name}.`)) found.set(path, inner);
		else found.set(prefix + name, value);
	}
	return found;
}

/** A value without strace's comments, paths and NULL. */
function plain(text: string): string {
	return text
		.replace(/\/\*.*?\*\//g, "")
		.replace(/^(-?\d+)<.*>$/, "$1")
		.replace(/^NULL$/, "0")
		.trim();
}

function nested(path: string, value: unknown): object {
	return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
}
