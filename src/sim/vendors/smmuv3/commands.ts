/** Which SMMUv3 commands a guest may give to the hardware, and with which of their fields. */
import { mask } from "../../../formats/bits.js";
import {
	decodeSmmuCommand,
	SMMU_COMMANDS,
	SMMU_OPCODE,
	type SmmuCommand,
	type SmmuGuestCommandName,
} from "../../../formats/smmuv3/index.js";
import { type Field, maskOf, toWords } from "../../../formats/words.js";
import type { SmmuFeatures } from "./stream-table.js";

/** Bits that a guest may set in the two words of a command, the opcode's own left out; by opcode. */
type Allowed = ReadonlyMap<number, readonly [bigint, bigint]>;

const RANGE = ["num", "scale", "ttl", "tg"];

/** The fields that a guest may use of each command; the kernel fills in the others, or wants them 0. */
function fieldsFor(smmu: SmmuFeatures, ats: boolean): Readonly<Record<SmmuGuestCommandName, readonly string[] | undefined>> {
	const range = smmu.rangeInvalidation ? RANGE : [];
	const substream = smmu.ssidBits > 0 ? ["ssid"] : [];
	return {
		CFGI_CD: ["sid", ...substream, "leaf"],
		CFGI_CD_ALL: ["sid"],
		TLBI_NH_ALL: ["vmid"],
		TLBI_NH_ASID: ["vmid", "asid"],
		TLBI_NH_VA: ["vmid", "asid", "leaf", "address", ...range],
		TLBI_NH_VAA: ["vmid", "leaf", "address", ...range],
		TLBI_NSNH_ALL: [],
		ATC_INV: ats ? ["sid", ...(substream.length > 0 ? ["ssv", "global", ...substream] : []), "size", "address"] : undefined,
	};
}

function allowedFor(smmu: SmmuFeatures, ats: boolean): Allowed {
	const allowed = new Map<number, readonly [bigint, bigint]>();
	for (const [name, fields] of Object.entries(fieldsFor(smmu, ats))) {
		if (fields === undefined) continue;
		const { opcode, layout } = SMMU_COMMANDS[name as SmmuGuestCommandName];
		let word0 = maskOf(layout, fields, 0);
		// the upper half of an ASID, and SCALE's highest bit
		if (smmu.asidBits === 8 && fields.includes("asid")) word0 &= ~topBits(layout.asid, 8);
		if (!smmu.largeAddresses && fields.includes("scale")) word0 &= ~topBits(layout.scale, 1);
		allowed.set(opcode, [word0, maskOf(layout, fields, 1)]);
	}
	return allowed;
}

/** The highest bits of a field in one piece, where they stand in their word. */
const topBits = ({ at: [[, hi]] }: Field, count: number): bigint => mask(hi, hi - count + 1);

const known = new WeakMap<SmmuFeatures, { readonly plain: Allowed; readonly ats: Allowed }>();

function allowedBits(smmu: SmmuFeatures, ats: boolean): Allowed {
	let both = known.get(smmu);
	if (both === undefined) {
		both = { plain: allowedFor(smmu, false), ats: allowedFor(smmu, true) };
		known.set(smmu, both);
	}
	return ats ? both.ats : both.plain;
}

const OPCODE = maskOf({ opcode: SMMU_OPCODE }, ["opcode"]);

/** The most that ATC_INV's SIZE can say: everything. */
const MAX_ATC_SIZE = 52n;

/** A guest's command, if it may be given to the hardware: undefined otherwise. Its VMID means nothing. */
export function checkCommand(bytes: Uint8Array, smmu: SmmuFeatures, ats: boolean): SmmuCommand | undefined {
	const [word0, word1] = toWords(bytes);
	const allowed = allowedBits(smmu, ats).get(Number(word0 & OPCODE));
	if (allowed === undefined) return undefined;
	if ((word0 & ~OPCODE & ~allowed[0]) !== 0n || (word1 & ~allowed[1]) !== 0n) return undefined;
	const command = decodeSmmuCommand(bytes);
	const { size = 0n } = command.fields;
	if (size > MAX_ATC_SIZE) return undefined;
	return rangeFits(command, smmu) ? command : undefined;
}

/** A range has a granule (TG) and says more than one page of it would without. */
function rangeFits({ fields }: SmmuCommand, smmu: SmmuFeatures): boolean {
	const { tg, num = 0n, scale = 0n, ttl = 0n } = fields;
	if (tg === undefined) return true;
	const plain = num === 0n && scale === 0n && ttl === 0n;
	if (tg === 0n) return plain;
	if (plain) return false;
	// 16K tables have no level 1 blocks, unless addresses are large
	return !(tg === 2n && ttl === 1n && !smmu.largeAddresses);
}
