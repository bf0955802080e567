/** Options for the vendor data that some calls point to. */
import type { FieldInfo } from "../../../structs/index.js";
import { readLeaf } from "../../client/leaves.js";
import { type Payload, payloadOfType } from "../../client/payloads.js";
import type { OptionSpec } from "../frame/command.js";
import { UsageError } from "../frame/exit.js";
import { readInput } from "../frame/io.js";
import { hex, hexBytes, table } from "../frame/text.js";
import type { Draft } from "./draft.js";
import { encodeEntry } from "./entries/encode.js";
import { jsonLeaf, kindOf, parseHexBytes, showLeaf } from "./natural.js";
import type { Details, Made } from "./spec.js";

const group = "The hardware's own data:";
const camel = (text: string): string => text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** An option for each kind of data, and two for any bytes. */
export function payloadOptions(payloads: readonly Payload[]): OptionSpec[] {
	return [
		...payloads.map(({ name, struct, example, bits }) => ({
			// nothing is to be given where the kernel fills in all of it
			flags: `--${name} ${example === "" ? "[fields]" : "<fields>"}`,
			value: { fieldsOf: struct.name, ...(bits && { bits }) },
			doc: `struct ${struct.name}${example && `, e.g. ${example}`}; sets the type too`,
			group,
		})),
		{ flags: "--data-hex <hex>", doc: "any bytes", group },
		{ flags: "--data-file <file>", value: "file", doc: "any bytes, from a file", group },
	];
}

function payloadBytes(draft: Draft, payloads: readonly Payload[]): { bytes: Uint8Array; payload?: Payload } | undefined {
	const { options, io } = draft.inv;
	const found = [...payloads.map(({ name }) => name), "data-hex", "data-file"].filter((name) => options[camel(name)] !== undefined);
	if (found.length > 1) throw new UsageError(`--${found[0]} and --${found[1]} both give the data`, "give one of them");
	if (found.length === 0) return undefined;
	const given = options[camel(found[0])] as string | true;
	const text = given === true ? "" : given;
	if (found[0] === "data-hex") return { bytes: parseHexBytes(text, "--data-hex") };
	if (found[0] === "data-file") return { bytes: readInput(io, text, "--data-file") };
	const payload = payloads.find(({ name }) => name === found[0]) as Payload;
	return { bytes: encodeEntry(payload, text, `--${payload.name}`), payload };
}

/** Puts the data where the kernel finds it, and fills type, length and pointer. */
export function placePayload(draft: Draft, payloads: readonly Payload[], typeField: string): void {
	const given = payloadBytes(draft, payloads);
	if (!given) return;
	if (given.payload) draft.fill(typeField, BigInt(given.payload.type));
	draft.fill("data_len", BigInt(given.bytes.length));
	draft.fill("data_uptr", draft.placer.place(given.bytes));
}

/** What the kernel wrote into the data, if it is of a kind that it writes to. */
export function fetchPayload(made: Made, payloads: readonly Payload[], typeField: string): Details | undefined {
	const { draft, answer } = made;
	if (answer.errno !== 0) return undefined;
	const payload = payloadOfType(payloads, Number(draft.read(answer.after, typeField)));
	const length = Number(draft.read(answer.after, "data_len"));
	if (!payload || length === 0 || length > 1 << 16) return undefined;
	const bytes = draft.placer.fetch(draft.read(answer.after, "data_uptr"), length);
	return bytes && describePayload(payload, bytes);
}

/** A payload's fields, in lines and in JSON. */
export function describePayload(payload: Payload, bytes: Uint8Array): Details {
	const leaves: FieldInfo[] = payload.struct.leaves.filter(
		(leaf: FieldInfo) => leaf.role !== "reserved" && leaf.offset + leaf.size <= bytes.length,
	);
	return {
		lines: [`struct ${payload.struct.name}`, ...table(leaves.map((leaf) => [leaf.name, showLeaf(leaf, bytes)])).map((line) => `  ${line}`)],
		json: {
			data: {
				struct: payload.struct.name,
				...Object.fromEntries(leaves.map((leaf) => [leaf.name, jsonLeaf(leaf, bytes)])),
				bytes: hexBytes(bytes),
			},
		},
		fields: Object.fromEntries(
			leaves.filter((leaf) => leaf.length === undefined).map((leaf) => [leaf.name, kindOf(leaf, readLeaf(bytes, leaf))]),
		),
	};
}

/** The bytes of a payload no struct is known for. */
export function describeBytes(bytes: Uint8Array, type: bigint): Details {
	return { lines: [`type ${hex(type)}: ${hexBytes(bytes)}`], json: { data: { struct: null, bytes: hexBytes(bytes) } } };
}
