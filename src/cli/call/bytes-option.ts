/** The options that give bytes: hex, text, words, a file, a fill. */
import type { Invocation, OptionSpec } from "../frame/command.js";
import { UsageError } from "../frame/exit.js";
import { readInputOrStdin } from "../frame/io.js";
import { parseHexBytes, parseNumber } from "./natural.js";

const group = "Bytes:";

/** Ways to give bytes. */
export const bytesOptions: readonly OptionSpec[] = [
	{ flags: "--data <hex>", doc: "bytes in hex", group },
	{ flags: "--text <string>", doc: "a string's bytes (UTF-8)", group },
	{ flags: "--words <list>", doc: "64-bit words, little-endian: 0x2007,0,0x3007 (page table entries)", group },
	{ flags: "--file <file>", value: "file", doc: "a file's bytes, or stdin's (-)", group },
	{ flags: "--fill <byte>", doc: "--length bytes, all of this value", group },
];

/** The bytes that the options give. @returns undefined if none is given @throws UsageError */
export async function bytesGiven({ options, io }: Invocation, length?: number): Promise<Uint8Array | undefined> {
	const { data, text, words, file, fill } = options as Record<string, string | undefined>;
	const given = Object.entries({ data, text, words, file, fill }).filter(([, value]) => value !== undefined);
	if (given.length > 1) throw new UsageError(`--${given[0][0]} and --${given[1][0]} both give bytes`, "give one of them");
	if (data !== undefined) return parseHexBytes(data, "--data");
	if (text !== undefined) return Buffer.from(text);
	if (words !== undefined) return wordBytes(words);
	if (fill !== undefined) {
		const byte = Number(parseNumber(fill, "--fill"));
		if (byte < 0 || byte > 255) throw new UsageError(`--fill: "${fill}" is not a byte`, "0 to 255, or 0x00 to 0xff");
		if (length === undefined) throw new UsageError("--fill needs --length too");
		return new Uint8Array(length).fill(byte);
	}
	return file === undefined ? undefined : await readInputOrStdin(io, file, "--file");
}

function wordBytes(list: string): Uint8Array {
	const words = list.split(",").map((word) => parseNumber(word.trim(), "--words"));
	const bytes = new Uint8Array(words.length * 8);
	const view = new DataView(bytes.buffer);
	for (const [at, word] of words.entries()) {
		if (word < 0n || word >> 64n !== 0n) throw new UsageError(`--words: ${word} does not fit into 64 bits`);
		view.setBigUint64(at * 8, word, true);
	}
	return bytes;
}
