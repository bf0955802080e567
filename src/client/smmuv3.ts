/** SMMUv3's commands and stream table entries as a person writes them: `op=TLBI_NH_VA,asid=1,addr=0x1000`. */
import { decodeSmmuCommand, SMMU_COMMANDS, SMMU_GUEST_COMMANDS, SMMU_OPCODE } from "../formats/smmuv3/index.js";
import { describeFields, encodeField, type Field, fromWords, type Layout, limitOf, widthOf } from "../formats/words.js";

/** The fields of all commands that a guest may give; each has the same place in every command. */
const fields: Layout = Object.assign({}, ...SMMU_GUEST_COMMANDS.map((name) => SMMU_COMMANDS[name].layout));

/** The fields that the command line offers, in the order in which they are listed. An address is called `addr` here. */
const offered = ["ssv", "global", "ssid", "sid", "num", "scale", "vmid", "asid", "leaf", "size", "ttl", "tg", "addr"];
const shown = ["sid", "ssv", "global", "ssid", "vmid", "asid", "num", "scale", "leaf", "ttl", "tg", "size", "addr"];

function pick(layout: Layout, names: readonly string[]): Layout {
	const picked = names.map((name): [string, Field | undefined] => [name, layout[name === "addr" ? "address" : name]]);
	return Object.fromEntries(picked.filter((entry): entry is [string, Field] => entry[1] !== undefined));
}

export const smmuv3Command: Layout = { op: SMMU_OPCODE, ...pick(fields, offered) };

const described: ReadonlyMap<string | undefined, Layout> = new Map(
	SMMU_GUEST_COMMANDS.map((name) => [name, pick(SMMU_COMMANDS[name].layout, shown)]),
);

/** A value that does not fit its field; the caller adds where. */
export class BitsError extends Error {}

/** ORs one field into the words. @throws BitsError if the value does not fit */
export function packBits(words: bigint[], layout: Layout, name: string, value: bigint): void {
	if (encodeField(layout, name, value, words)) return;
	const field = layout[name];
	const { shift = 0 } = field;
	const want = shift > 0 ? `an address aligned to ${1 << shift} below 2^${widthOf(field) + shift}` : `0 to ${limitOf(field)}`;
	throw new BitsError(`${name} cannot be 0x${value.toString(16)}: it takes ${want}`);
}

/** A command as text, as far as its opcode is known: `TLBI_NH_VA asid=1 addr=0x1000`. */
export function describeCommand(words: readonly bigint[]): string {
	const { name, opcode } = decodeSmmuCommand(fromWords(words));
	return [name ?? `op 0x${opcode.toString(16)}`, ...describeFields(described.get(name) ?? {}, words)].join(" ");
}
