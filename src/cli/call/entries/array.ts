/** Arrays of invalidation entries, as they are given on the command line. */
import type { Payload } from "../../../client/payloads.js";
import { describeCommand } from "../../../client/smmuv3.js";
import { toWords } from "../../../formats/words.js";
import type { Invocation, OptionSpec } from "../../frame/command.js";
import { UsageError } from "../../frame/exit.js";
import { showLeaf } from "../natural.js";
import { encodeEntries } from "./encode.js";
import { entriesFrom } from "./from-file.js";

const camel = (text: string): string => text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const group = "Entries:";

/** An option for each kind of entry, and a file of any of them. */
export function entryOptions(payloads: readonly Payload[]): OptionSpec[] {
	return [
		...payloads.map(({ name, struct, example, bits }) => ({
			flags: `--${name} <fields>`,
			value: { fieldsOf: struct.name, ...(bits && { bits }) },
			doc: `an entry, struct ${struct.name}, e.g. ${example}; may be repeated`,
			repeat: true,
			group,
		})),
		{ flags: "--from <file>", value: "file", doc: "entries from a file or stdin (-): JSON array, JSON lines, or binary", group },
		{
			flags: "--as <kind>",
			doc: "what the entries of --from are, where their fields do not tell",
			choices: payloads.map(({ name }) => name),
			group,
		},
	];
}

/** Entries as given on the command line: a kind and its bytes, one after another. */
export interface EntryArray {
	readonly payload: Payload;
	readonly bytes: Uint8Array;
	readonly count: number;
}

/**
 * @param type what the call says its data is, if it does: then --as need not
 * @returns undefined if none was given @throws UsageError
 */
export async function readEntries(inv: Invocation, payloads: readonly Payload[], type?: bigint): Promise<EntryArray | undefined> {
	const { options, io } = inv;
	const given = payloads.filter(({ name }) => options[camel(name)] !== undefined);
	const from = options.from as string | undefined;
	if (given.length > 1) throw new UsageError(`--${given[0].name} and --${given[1].name} in one call`, "an array holds entries of one kind");
	if (given.length > 0 && from !== undefined) throw new UsageError(`--${given[0].name} and --from both give entries`, "give one of them");
	if (options.as !== undefined && from === undefined)
		throw new UsageError("--as says what the entries of --from are, and there is no --from");
	if (from !== undefined) {
		const typed = payloads.filter((one) => type !== undefined && BigInt(one.type) === type);
		const { payload, bytes } = await entriesFrom(
			io,
			from,
			payloads,
			payloads.find(({ name }) => name === options.as) ?? (typed.length === 1 ? typed[0] : undefined),
		);
		return { payload, bytes, count: bytes.length / payload.struct.size };
	}
	if (given.length === 0) return undefined;
	const [payload] = given;
	const texts = options[camel(payload.name)] as string[];
	return { payload, bytes: encodeEntries(payload, texts, `--${payload.name}`), count: texts.length };
}

/** The same entries at another distance: cut off, or filled up with zeroes. */
export function restride(bytes: Uint8Array, from: number, to: number): Uint8Array {
	const count = bytes.length / from;
	const made = new Uint8Array(count * to);
	for (let i = 0; i < count; i++) made.set(bytes.subarray(i * from, i * from + Math.min(from, to)), i * to);
	return made;
}

/** An entry in words. */
export function describeEntry({ payload, bytes }: EntryArray, at: number): string {
	const { size, leaves } = payload.struct;
	const one = bytes.subarray(at * size, (at + 1) * size);
	if (payload.name === "smmuv3" && payload.struct.name === "iommu_viommu_arm_smmuv3_invalidate") {
		return describeCommand(toWords(one));
	}
	return leaves.map((leaf: (typeof leaves)[number]) => `${leaf.name}=${showLeaf(leaf, one)}`).join(" ");
}
