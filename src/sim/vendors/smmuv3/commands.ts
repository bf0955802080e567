/** Checks which SMMUv3 commands, and which of their fields, a guest may send to the hardware. */
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

/** The bits that a guest may set in the two words of a command, without the opcode's; by opcode. */
type Allowed = ReadonlyMap<number, readonly [bigint, bigint]>;

const RANGE = ["num", "scale", "ttl", "tg"];

/** The fields that a guest may use in each command; the kernel fills in the others or requires them to be 0. */
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

/** A mask of the highest bits of a contiguous field, at their place in the word. */
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

/** The largest SIZE of ATC_INV: everything. */
const MAX_ATC_SIZE = 52n;

/** Decodes a guest's command; undefined if it may not be sent to the hardware. Its VMID is ignored. */
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

/** Whether a range has a granule (TG) and says more than the same command without a range. */
function rangeFits({ fields }: SmmuCommand, smmu: SmmuFeatures): boolean {
	const { tg, num = 0n, scale = 0n, ttl = 0n } = fields;
	if (tg === undefined) return true;
	const plain = num === 0n && scale === 0n && ttl === 0n;
	if (tg === 0n) return plain;
	if (plain) return false;
	// 16K tables have no level 1 blocks, unless addresses are large
	return !(tg === 2n && ttl === 1n && !smmu.largeAddresses);
}
