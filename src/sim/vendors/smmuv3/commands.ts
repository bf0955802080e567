import { mask } from "../../../formats/bits.js";
import { decodeSmmuCommand, type SmmuCommand } from "../../../formats/smmuv3/commands.js";
import { toWords } from "../../../formats/words.js";
import type { SmmuFeatures } from "./stream-table.js";

/** Bits that a guest may set in the two words of a command, the opcode's own left out. */
type Allowed = (smmu: SmmuFeatures, ats: boolean) => readonly [bigint, bigint] | undefined;

const SID = mask(63, 32);
const VMID = mask(47, 32);
const SSID = mask(31, 12);
const LEAF = mask(0, 0);
const ADDRESS = mask(63, 12);

const asid = (smmu: SmmuFeatures) => mask(47 + smmu.asidBits, 48);

/** NUM and SCALE; TTL and TG */
function range(smmu: SmmuFeatures): readonly [bigint, bigint] {
	if (!smmu.rangeInvalidation) return [0n, 0n];
	return [mask(16, 12) | mask(smmu.largeAddresses ? 25 : 24, 20), mask(9, 8) | mask(11, 10)];
}

/** By opcode: what a guest may put on the host's command queue, and in which words. */
const ALLOWED: Readonly<Record<number, Allowed>> = {
	// CFGI_CD, CFGI_CD_ALL
	5: (smmu) => [SID | (smmu.ssidBits > 0 ? SSID : 0n), LEAF],
	6: () => [SID, 0n],
	// TLBI_NH_ALL, NH_ASID, NH_VA, NH_VAA
	16: () => [VMID, 0n],
	17: (smmu) => [VMID | asid(smmu), 0n],
	18: (smmu) => [VMID | asid(smmu) | range(smmu)[0], LEAF | ADDRESS | range(smmu)[1]],
	19: (smmu) => [VMID | range(smmu)[0], LEAF | ADDRESS | range(smmu)[1]],
	// TLBI_NSNH_ALL
	48: () => [0n, 0n],
	// ATC_INV: SSV, G and SSID only with substreams
	64: (smmu, ats) => (ats ? [SID | (smmu.ssidBits > 0 ? mask(11, 11) | mask(9, 9) | SSID : 0n), mask(5, 0) | ADDRESS] : undefined),
};

/** The most that ATC_INV's SIZE can say: everything. */
const MAX_ATC_SIZE = 52n;

/** A guest's command, if it may be given to the hardware: undefined otherwise. Its VMID means nothing. */
export function checkCommand(bytes: Uint8Array, smmu: SmmuFeatures, ats: boolean): SmmuCommand | undefined {
	const [word0, word1] = toWords(bytes);
	const allowed = ALLOWED[Number(word0 & 0xffn)]?.(smmu, ats);
	if (allowed === undefined) return undefined;
	if ((word0 & ~0xffn & ~allowed[0]) !== 0n || (word1 & ~allowed[1]) !== 0n) return undefined;
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
