import type { Payload } from "../../client/payloads.js";
import { UsageError } from "../exit.js";
import { type Io, readInput } from "../io.js";
import { EntryReader } from "./encode.js";

export interface Entries {
	readonly payload: Payload;
	readonly bytes: Uint8Array;
}

async function load(io: Io, file: string): Promise<Uint8Array> {
	if (file === "-") return await io.stdin.readAll();
	try {
		return readInput(io, file);
	} catch (error) {
		throw new UsageError(`--from: ${file} can not be read: ${(error as NodeJS.ErrnoException).code}`);
	}
}

type Fields = Readonly<Record<string, number | string>>;

/**
 * Entries from a file or stdin: a JSON array of objects, an object a line, or the bytes themselves.
 * @param payload what they are; without, JSON entries are recognised by their fields
 */
export async function entriesFrom(io: Io, file: string, payloads: readonly Payload[], payload: Payload | undefined): Promise<Entries> {
	const content = await load(io, file);
	const name = file === "-" ? "stdin" : file;
	const first = content.find((byte) => byte > 0x20);
	if (first !== 0x5b && first !== 0x7b) return binary(content, payload ?? only(payloads), name);
	const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString();
	const entries = first === 0x5b ? jsonArray(text, name) : jsonLines(text, name);
	const kind = payload ?? only(payloads) ?? (entries.length > 0 ? recognise(entries[0].fields, payloads) : undefined);
	if (!kind)
		throw new UsageError(
			`${name}: what the entries are can not be told from their fields`,
			`say it: --as ${payloads.map((one) => one.name).join("|")}`,
		);
	const reader = new EntryReader(kind);
	return { payload: kind, bytes: kind.struct.encodeArray(entries.map(({ fields, where }) => reader.read(Object.entries(fields), where))) };
}

const only = (payloads: readonly Payload[]): Payload | undefined => (payloads.length === 1 ? payloads[0] : undefined);

function binary(content: Uint8Array, payload: Payload | undefined, name: string): Entries {
	if (!payload) throw new UsageError(`${name}: bytes do not tell what entries they are`, "say it with --as, for example --as vtd-s1");
	const { size } = payload.struct;
	if (content.length % size !== 0) throw new UsageError(`${name}: ${content.length} bytes are no whole number of entries of ${size} bytes`);
	return { payload, bytes: content };
}

interface Located {
	readonly fields: Fields;
	readonly where: string;
}

function jsonLines(text: string, name: string): Located[] {
	const found: Located[] = [];
	for (const [at, line] of text.split("\n").entries()) {
		if (line.trim() === "") continue;
		const where = `${name}:${at + 1}`;
		let value: unknown;
		try {
			value = JSON.parse(line);
		} catch (error) {
			throw new UsageError(`${where}: no JSON: ${(error as Error).message}`, "one object a line is wanted");
		}
		found.push({ fields: object(value, where), where });
	}
	return found;
}

function jsonArray(text: string, name: string): Located[] {
	let values: unknown;
	try {
		values = JSON.parse(text);
	} catch (error) {
		throw new UsageError(`${name}: no JSON: ${(error as Error).message}`);
	}
	return (values as unknown[]).map((value, at) => ({ fields: object(value, `${name}: entry ${at}`), where: `${name}: entry ${at}` }));
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
