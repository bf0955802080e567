/** Options for the memory that a call's pointers point to, where a field with the length goes with them. */
import type { FieldInfo, StructType } from "../../../structs/index.js";
import type { OptionSpec } from "../frame/command.js";
import { UsageError } from "../frame/exit.js";
import { hexBytes, hexDump } from "../frame/text.js";
import type { Draft } from "./draft.js";
import { parseHexBytes, parseLength } from "./natural.js";
import { optionName } from "./shape.js";
import type { Details, Made } from "./spec.js";

const group = "What its pointers point to:";

/** A pointer and the field with the length of what it points to. */
interface Pair {
	/** `req` of `req_uptr` and `req_len` */
	readonly name: string;
	readonly pointer: FieldInfo;
	readonly length: FieldInfo;
}

/** Memory that was placed for a call. */
export interface Piece {
	readonly name: string;
	readonly addr: bigint;
	readonly before: Uint8Array;
}

function pairsOf(struct: StructType | null): Pair[] {
	const leaves: readonly FieldInfo[] = struct?.leaves ?? [];
	return leaves.flatMap((pointer) => {
		const match = pointer.role === "ptr" ? /^(.*?)_?(?:uptr|ptr|uaddr)$/.exec(pointer.path) : null;
		if (!match?.[1]) return [];
		const length = leaves.find(({ path }) => [`${match[1]}_len`, `${match[1]}_length`, `${match[1]}_size`].includes(path));
		return length ? [{ name: match[1], pointer, length }] : [];
	});
}

const bytesOption = ({ name }: Pair): string => `${optionName(name)}-bytes`;
const roomOption = ({ name }: Pair): string => `${optionName(name)}-room`;
const camel = (text: string): string => text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

export function placedOptions(struct: StructType | null): OptionSpec[] {
	return pairsOf(struct).flatMap((pair) => [
		{ flags: `--${bytesOption(pair)} <hex>`, doc: `place these bytes: sets ${pair.pointer.path} and ${pair.length.path}`, group },
		{ flags: `--${roomOption(pair)} <length>`, doc: "place this many zeroes for the kernel to write to, and show what it wrote", group },
	]);
}

/** Places what the options give, and fills pointer and length. */
export function placeBytes(draft: Draft): Piece[] {
	const { options } = draft.inv;
	return pairsOf(draft.struct).flatMap((pair) => {
		const [bytes, room] = [bytesOption(pair), roomOption(pair)];
		const [hex, length] = [options[camel(bytes)], options[camel(room)]] as (string | undefined)[];
		if (hex !== undefined && length !== undefined)
			throw new UsageError(`--${bytes} and --${room} place the same memory`, "give one of them");
		if (hex === undefined && length === undefined) return [];
		const before = hex === undefined ? new Uint8Array(parseLength(length ?? "", `--${room}`)) : parseHexBytes(hex, `--${bytes}`);
		const addr = draft.placer.place(before);
		draft.fill(pair.pointer.path, addr);
		draft.fill(pair.length.path, BigInt(before.length));
		return [{ name: pair.name, addr, before }];
	});
}

/** What became of the placed memory: room, and bytes that the kernel changed. */
export function placedDetails({ draft, prepared }: Made<readonly Piece[]>): Details | undefined {
	const now = prepared.flatMap(({ name, addr, before }) => {
		const bytes = draft.placer.fetch(addr, before.length);
		return bytes === undefined ? [] : [{ name, bytes, changed: hexBytes(bytes) !== hexBytes(before) }];
	});
	if (now.length === 0) return undefined;
	return {
		lines: now.flatMap(({ name, bytes, changed }) => (changed ? [`${name}:`, ...hexDump(bytes).map((line) => `  ${line}`)] : [])),
		json: { memory: Object.fromEntries(now.map(({ name, bytes }) => [name, hexBytes(bytes)])) },
	};
}
