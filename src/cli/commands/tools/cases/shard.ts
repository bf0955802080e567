/** Which cases are in a shard: `--shard i/n`. */
import { createHash } from "node:crypto";
import { UsageError } from "../../../frame/exit.js";

/** The index-th of `of` parts; from 1. */
export interface Shard {
	readonly index: number;
	readonly of: number;
}

/** What a report says of the part of the cases that it is about: `cases` are positions in the whole list, from 1. */
export interface ShardNote {
	/** `2/5` */
	readonly shard: string;
	readonly cases: readonly number[];
	/** how many cases there are in all shards */
	readonly of: number;
	/** digits that shards of the same list of cases have in common */
	readonly list?: string;
}

/** @throws UsageError */
export function parseShard(text: string): Shard {
	const match = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text);
	const [index, of] = match === null ? [1, 0] : [Number(match[1]), Number(match[2])];
	if (index > of) throw new UsageError(`--shard: "${text}" is not a shard`, "give I/N with I from 1 to N, for example 2/5");
	return { index, of };
}

/**
 * Whether a case is in a shard. Only its name and the number of shards decide, so that it stays there when others are added:
 * the first six bytes of the name's SHA-256, as a big-endian number, modulo the number of shards.
 */
export function inShard(name: string, { index, of }: Shard): boolean {
	return createHash("sha256").update(name).digest().readUIntBE(0, 6) % of === index - 1;
}

/** The first digits of the SHA-256 of all names: shards of different lists are not put together. */
export const listDigits = (names: readonly string[]): string => createHash("sha256").update(names.join("\0")).digest("hex").slice(0, 8);

export const shardText = ({ index, of }: Shard): string => `${index}/${of}`;
