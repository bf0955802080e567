/** Commands of 16 bytes that an opcode tells apart: bytes <-> name and fields. */
import {
	decodeFields,
	encodeFields,
	type Field,
	fromWords,
	type Layout,
	maskOf,
	placeField,
	strayBits,
	toWords,
	type Values,
} from "./words.js";

export interface Command {
	readonly opcode: number;
	readonly layout: Layout;
}

export interface DecodedCommand<Name extends string> {
	/** absent if the specification has no such command */
	readonly name?: Name;
	readonly opcode: number;
	readonly fields: Values;
	/** bits that are set outside the command's fields, for each of the two words */
	readonly stray: readonly bigint[];
}

export interface CommandCodec<Name extends string> {
	decode(command: Uint8Array): DecodedCommand<Name>;
	/** The 16 bytes of a command. Throws a RangeError for a field that the command does not have or a value that does not fit. */
	encode(name: Name, fields?: Readonly<Values>): Uint8Array;
}

const NONE: Layout = {};

/** @param opcode where the opcode is */
export function commandCodec<Name extends string>(commands: Readonly<Record<Name, Command>>, opcode: Field): CommandCodec<Name> {
	const place = { opcode };
	const opcodeBits = [maskOf(place, ["opcode"])];
	const names = new Map((Object.keys(commands) as Name[]).map((name) => [commands[name].opcode, name]));
	return {
		decode(command) {
			const words = toWords(command);
			while (words.length < 2) words.push(0n);
			const code = Number(decodeFields(place, words).opcode);
			const name = names.get(code);
			const layout = name === undefined ? NONE : commands[name].layout;
			return { name, opcode: code, fields: decodeFields(layout, words), stray: strayBits(layout, words.slice(0, 2), opcodeBits) };
		},
		encode(name, fields = {}) {
			const words = [0n, 0n];
			placeField(words, opcode, BigInt(commands[name].opcode));
			return fromWords(encodeFields(commands[name].layout, fields, words));
		},
	};
}
