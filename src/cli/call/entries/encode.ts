/** One entry from fields in words: `addr=0x1000,npages=4`. */
import type { FieldInfo } from "../../../../structs/index.js";
import type { Payload } from "../../../client/payloads.js";
import { BitsError, packBits } from "../../../client/smmuv3.js";
import { UsageError } from "../../frame/exit.js";
import { didYouMean } from "../../frame/suggest.js";
import { parseField, parseNumber } from "../natural.js";

/** `a=1,b=2,flags=X,Y`: a piece without `=` goes with the one before it. @throws UsageError */
export function splitPairs(text: string, where: string): [name: string, value: string][] {
	const pairs: [string, string][] = [];
	for (const piece of text.split(",")) {
		const at = piece.indexOf("=");
		const last = pairs.at(-1);
		if (at > 0) pairs.push([piece.slice(0, at).trim(), piece.slice(at + 1).trim()]);
		else if (last && at < 0) last[1] += `,${piece.trim()}`;
		else if (text.trim() !== "") throw new UsageError(`${where}: "${piece}" is not field=value`, "write field=value,field=value");
	}
	return pairs;
}

type Value = number | bigint | string | readonly (number | bigint | string)[];

/** Turns fields in words into what a payload's struct encodes. One for each payload; made once for many entries. */
export class EntryReader {
	readonly #leaves: ReadonlyMap<string, FieldInfo>;
	readonly #named = new Map<FieldInfo, Map<Value, number | bigint>>();

	constructor(readonly payload: Payload) {
		this.#leaves = new Map(payload.struct.leaves.map((leaf: FieldInfo) => [leaf.name, leaf]));
	}

	/** One entry. @throws UsageError, InputError with `where` */
	read(fields: Iterable<readonly [string, Value]>, where: string): Record<string, unknown> {
		const entry: Record<string, unknown> = {};
		let words: bigint[] | undefined;
		for (const [typed, value] of fields) {
			const name = typed.replaceAll("-", "_");
			const leaf = this.#leaves.get(name);
			if (leaf) {
				entry[name] = this.#value(leaf, value, `${where}: ${name}`);
				if (this.payload.bits) words = entry[name] as bigint[];
				continue;
			}
			const { bits } = this.payload;
			const key = name.toLowerCase();
			if (!bits || !Object.hasOwn(bits, key)) throw this.#unknown(typed, where);
			words ??= [0n, 0n];
			try {
				packBits(words, bits, key, bitValue(bits[key].names, value, `${where}: ${name}`));
			} catch (error) {
				throw error instanceof BitsError ? new UsageError(`${where}: ${error.message}`) : error;
			}
		}
		if (words && this.payload.bits) entry[this.payload.struct.leaves[0].name] = words;
		return entry;
	}

	#value(leaf: FieldInfo, value: Value, where: string): unknown {
		const wide = leaf.scalar?.size === 8;
		if (typeof value === "number" && Number.isSafeInteger(value) && leaf.length === undefined) return wide ? BigInt(value) : value;
		// The usual spelling of an address or count, a million times.
		if (typeof value === "string" && leaf.length === undefined && /^(?:0x[\da-f]{1,12}|[1-9]\d{0,14})$/i.test(value)) {
			const plain = Number(value);
			if (wide) return BigInt(plain);
			if (plain < 2 ** (8 * leaf.size)) return plain;
		}
		const known = this.#named.get(leaf)?.get(value);
		if (known !== undefined) return known;
		const text = Array.isArray(value) ? value.join(",") : String(value);
		const parsed = parseField(leaf, text, where);
		if (typeof parsed === "bigint") return this.#remember(leaf, value, wide ? parsed : Number(parsed));
		return wide ? [...parsed] : parsed.map(Number);
	}

	/** Names of flags and values come again and again. */
	#remember(leaf: FieldInfo, value: Value, number: number | bigint): number | bigint {
		if (leaf.set === undefined) return number;
		const names = this.#named.get(leaf) ?? new Map<Value, number | bigint>();
		this.#named.set(leaf, names);
		if (names.size < 256) names.set(value, number);
		return number;
	}

	#unknown(name: string, where: string): UsageError {
		const names = [...(this.payload.bits ? Object.keys(this.payload.bits) : []), ...this.#leaves.keys()].filter(
			(one) => !one.startsWith("__"),
		);
		return new UsageError(
			`${where}: ${this.payload.struct.name} has no field "${name}"`,
			didYouMean(name, names) ?? `its fields are ${names.join(", ")}`,
		);
	}
}

function bitValue(names: Readonly<Record<string, number>> | undefined, value: Value, where: string): bigint {
	if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
	const text = String(value);
	const name = Object.keys(names ?? {}).find((one) => one === text.toUpperCase().replace(/^CMD_/, ""));
	if (names && name !== undefined) return BigInt(names[name]);
	if (names && !/^\d/.test(text))
		throw new UsageError(
			`${where}: "${text}" is not known`,
			didYouMean(text, Object.keys(names)) ?? `known are ${Object.keys(names).join(", ")}`,
		);
	return parseNumber(text, where);
}

/** The bytes of one entry as typed: `addr=0x1000,npages=4`. */
export function encodeEntry(payload: Payload, text: string, where: string): Uint8Array {
	return payload.struct.encode(new EntryReader(payload).read(splitPairs(text, where), where));
}

/** The bytes of many. */
export function encodeEntries(payload: Payload, texts: readonly string[], option: string): Uint8Array {
	const reader = new EntryReader(payload);
	return payload.struct.encodeArray(
		texts.map((text, at) => reader.read(splitPairs(text, `${option} (entry ${at})`), `${option} (entry ${at})`)),
	);
}
