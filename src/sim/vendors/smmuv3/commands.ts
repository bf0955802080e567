/** Checks which SMMUv3 commands, and which of their fields, a guest may send to the hardware. */
import { hex, mask } from "../../../formats/bits.js";
import {
	decodeSmmuCommand,
	SMMU_COMMANDS,
	SMMU_OPCODE,
	type SmmuCommand,
	type SmmuGuestCommandName,
} from "../../../formats/smmuv3/index.js";
import { type Field, maskOf, toWords } from "../../../formats/words.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { Reasons } from "../../why/reasons.js";
import { smmuCommandChecks } from "./checks.js";
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

/** Decodes a guest's command, number `index` of an array; -EIO if it may not be sent to the hardware. Its VMID is ignored. */
export function checkCommand(bytes: Uint8Array, smmu: SmmuFeatures, ats: boolean, index: number, reasons: Reasons): SmmuCommand | Ret {
	const [word0, word1] = toWords(bytes);
	const opcode = Number(word0 & OPCODE);
	const allowed = allowedBits(smmu, ats).get(opcode);
	if (allowed === undefined) {
		const { name } = decodeSmmuCommand(bytes);
		if (name === "ATC_INV") return reasons.fail(smmuCommandChecks.smmuNoAts, index);
		return reasons.fail(smmuCommandChecks.smmuOpcode, index, opcode, name ?? "reserved");
	}
	const stray0 = word0 & ~OPCODE & ~allowed[0];
	const stray1 = word1 & ~allowed[1];
	const command = decodeSmmuCommand(bytes);
	const name = command.name as SmmuGuestCommandName;
	if (stray0 !== 0n || stray1 !== 0n)
		return reasons.fail(smmuCommandChecks.smmuCommandBits, index, name, () => strayWords(command, [stray0, stray1]));
	const { size = 0n } = command.fields;
	if (size > MAX_ATC_SIZE) return reasons.fail(smmuCommandChecks.smmuAtcSize, index, Number(size));
	return checkRange(command, smmu, index, reasons);
}

/** What a guest may not set, in words: fields with their values, and bits that belong to no field. */
function strayWords({ name, fields, stray: beyond }: SmmuCommand, stray: readonly bigint[]): string {
	const { layout } = SMMU_COMMANDS[name as SmmuGuestCommandName];
	const found = Object.keys(layout)
		.filter((field) => stray.some((bits, word) => (bits & maskOf(layout, [field], word)) !== 0n))
		.map((field) => `${field.toUpperCase()} is ${hex(fields[field])}${needs(field)}`);
	for (const [word, bits] of beyond.entries()) if (bits !== 0n) found.push(`word ${word} has the reserved bits ${hex(bits)}`);
	return found.join(", ");
}

/** The feature whose absence keeps a guest from using a field, or all of its bits. */
function needs(field: string): string {
	if (field === "ssid" || field === "ssv" || field === "global") return ", and IDR1.SSIDSIZE is 0";
	if (field === "asid") return ", and IDR0.ASID16 is 0";
	if (field === "num" || field === "ttl" || field === "tg") return ", and IDR3.RIL is 0";
	return field === "scale" ? ", and IDR3.RIL or IDR5.DS is 0" : "";
}

/** A range must have a granule (TG) and say more than the same command without a range. */
function checkRange(command: SmmuCommand, smmu: SmmuFeatures, index: number, reasons: Reasons): SmmuCommand | Ret {
	const { tg, num = 0n, scale = 0n, ttl = 0n } = command.fields;
	const name = command.name as SmmuGuestCommandName;
	if (tg === undefined) return command;
	const plain = num === 0n && scale === 0n && ttl === 0n;
	if (tg === 0n)
		return plain ? command : reasons.fail(smmuCommandChecks.smmuNoGranule, index, name, Number(num), Number(scale), Number(ttl));
	if (plain) return reasons.fail(smmuCommandChecks.smmuNoRange, index, name, Number(tg));
	// 16K tables have no level 1 blocks, unless addresses are large
	const level1 = tg === 2n && ttl === 1n && !smmu.largeAddresses;
	return level1 ? reasons.fail(smmuCommandChecks.smmuLevel, index, name) : command;
}
