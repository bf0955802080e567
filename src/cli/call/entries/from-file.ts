/** Entries from a file or stdin: JSON, or the bytes themselves. */
import type { Payload } from "../../../client/payloads.js";
import { UsageError } from "../../frame/exit.js";
import { type Io, readInputOrStdin } from "../../frame/io.js";
import { EntryReader } from "./encode.js";

export interface Entries {
	readonly payload: Payload;
	readonly bytes: Uint8Array;
}

type Fields = Readonly<Record<string, number | string>>;

/**
 * Entries from a file or stdin: a JSON array of objects, an object a line, or the bytes themselves.
 * @param payload what they are; without, JSON entries are recognised by their fields
 */
export async function entriesFrom(io: Io, file: string, payloads: readonly Payload[], payload: Payload | undefined): Promise<Entries> {
	const content = withoutMark(await readInputOrStdin(io, file, "--from"));
	const name = file === "-" ? "stdin" : file;
	const first = content.find((byte) => byte > 0x20);
	if (first !== 0x5b && first !== 0x7b) return binary(content, payload ?? only(payloads), name);
	if (first === 0x7b) return encoded(jsonLines(content, name), payloads, payload, name);
	return encoded(jsonArray(content, name), payloads, payload, name);
}

/** Entries whose objects live at a time: a million of them would take half a gigabyte. */
const chunk = 4096;

function encoded(entries: Iterable<Located>, payloads: readonly Payload[], payload: Payload | undefined, name: string): Entries {
	let kind = payload ?? only(payloads);
	let reader: EntryReader | undefined;
	let objects: Record<string, unknown>[] = [];
	const pieces: Uint8Array[] = [];
	for (const { fields, where } of entries) {
		kind ??= recognise(fields, payloads);
		if (!kind) break;
		reader ??= new EntryReader(kind);
		objects.push(reader.read(Object.entries(fields), where));
		if (objects.length < chunk) continue;
		pieces.push(kind.struct.encodeArray(objects));
		objects = [];
	}
	if (!kind)
		throw new UsageError(
			`${name}: the fields do not show what kind of entries these are`,
			`say it: --as ${payloads.map((one) => one.name).join("|")}`,
		);
	pieces.push(kind.struct.encodeArray(objects));
	return { payload: kind, bytes: Buffer.concat(pieces) };
}

/** Some editors put a byte order mark before text; bytes of entries that begin like one are left alone. */
function withoutMark(content: Uint8Array): Uint8Array {
	const marked = content[0] === 0xef && content[1] === 0xbb && content[2] === 0xbf && (content[3] === 0x5b || content[3] === 0x7b);
	return marked ? content.subarray(3) : content;
}

const only = (payloads: readonly Payload[]): Payload | undefined => (payloads.length === 1 ? payloads[0] : undefined);

function binary(content: Uint8Array, payload: Payload | undefined, name: string): Entries {
	if (!payload && content.length === 0) throw new UsageError(`${name} is empty: no entries`);
	if (!payload)
		throw new UsageError(`${name}: binary data does not show what kind of entries it holds`, "say it with --as, for example --as vtd-s1");
	const { size } = payload.struct;
	if (content.length % size !== 0) throw new UsageError(`${name}: ${content.length} bytes is not a whole number of ${size}-byte entries`);
	return { payload, bytes: content };
}

interface Located {
	readonly fields: Fields;
	readonly where: string;
}

/** Text of a part of the file, without a copy of it. */
const textOf = (content: Uint8Array, start = 0, end = content.length): string =>
	Buffer.from(content.buffer, content.byteOffset + start, end - start).toString();

function* jsonLines(content: Uint8Array, name: string): Generator<Located> {
	for (let start = 0, line = 1; start < content.length; line++) {
		const newline = content.indexOf(0x0a, start);
		const end = newline < 0 ? content.length : newline;
		const text = textOf(content, start, end);
		start = end + 1;
		if (text.trim() === "") continue;
		const where = `${name}:${line}`;
		let value: unknown;
		try {
			value = JSON.parse(text);
		} catch (error) {
			throw new UsageError(`${where}: not JSON: ${(error as Error).message}`, "write one object a line");
		}
		yield { fields: object(value, where), where };
	}
}

function* jsonArray(content: Uint8Array, name: string): Generator<Located> {
	let values: unknown[];
	try {
		values = JSON.parse(textOf(content));
	} catch (error) {
		throw new UsageError(`${name}: not JSON: ${(error as Error).message}`);
	}
	for (let at = 0; at < values.length; at++) yield { fields: object(values[at], `${name}: entry ${at}`), where: `${name}: entry ${at}` };
}

function object(value: unknown, where: string): Fields {
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
	throw new UsageError(`${where}: an object is wanted`, 'for example {"addr":"0x1000","npages":4}');
}

/** The kind that has every field of the entry, if only one has. */
function recognise(fields: Fields, payloads: readonly Payload[]): Payload | undefined {
	const fitting = payloads.filter(({ struct, bits }) => {
		const names = new Set([...struct.leaves.map((leaf: { name: string }) => leaf.name), ...Object.keys(bits ?? {})]);
		return Object.keys(fields).every((key) => names.has(key));
	});
	return only(fitting);
}
