/** Decodes guests' SMMUv3 stream table entries and the identification registers. */
import { SMMU_IDR, STE, STE_CONFIGS } from "../../../formats/smmuv3/index.js";
import { decodeFields, flagReader, numberReader, reader } from "../../../formats/words.js";

/** The part of a stream table entry that a guest gives (IHI0070, 5.2): its first two words. */
export interface SteStage1 {
	readonly valid: boolean;
	/** 0 abort, 4 bypass, 5 stage 1 */
	readonly config: number;
	/** S1Fmt: 0 one CD or a linear table, 1 two levels with 4K leaves, 2 two levels with 64K leaves */
	readonly format: number;
	readonly contextPtr: bigint;
	/** S1CDMax: log2 of the number of CDs */
	readonly cdMax: number;
	/** S1DSS, for transactions without a substream: 0 terminate, 1 bypass, 2 use CD 0 */
	readonly defaultSubstream: number;
	readonly stallDisabled: boolean;
	/** EATS: 0 no ATS, 1 full ATS */
	readonly ats: number;
}

export const { ABORT: STE_ABORT, BYPASS: STE_BYPASS, S1: STE_S1 } = STE_CONFIGS;

const valid = flagReader(STE, "v");
const config = numberReader(STE, "config");
const format = numberReader(STE, "s1fmt");
const contextPtr = reader(STE, "s1contextptr");
const cdMax = numberReader(STE, "s1cdmax");
const defaultSubstream = numberReader(STE, "s1dss");
const stallDisabled = flagReader(STE, "s1stalld");
const ats = numberReader(STE, "eats");

export function decodeSte(words: readonly bigint[]): SteStage1 {
	return {
		valid: valid(words),
		config: config(words),
		format: format(words),
		contextPtr: contextPtr(words),
		cdMax: cdMax(words),
		defaultSubstream: defaultSubstream(words),
		stallDisabled: stallDisabled(words),
		ats: ats(words),
	};
}

/** The features of an SMMU, from its identification registers (IHI0070, 6.3.1 to 6.3.6). */
export interface SmmuFeatures {
	readonly stage1: boolean;
	readonly stage2: boolean;
	readonly asidBits: 8 | 16;
	readonly vmidBits: 8 | 16;
	readonly ats: boolean;
	readonly pri: boolean;
	/** COHACC: table walks are coherent with CPU caches */
	readonly coherentWalks: boolean;
	/** hardware update of access flags; and of dirty state */
	readonly setAccess: boolean;
	readonly setDirty: boolean;
	/** STALL_MODEL: 0 stall and terminate, 1 terminate only, 2 stall only */
	readonly stallModel: number;
	/** TERM_MODEL: CD.A must be 1 */
	readonly abortOnly: boolean;
	/** CD2L */
	readonly twoLevelCd: boolean;
	readonly ssidBits: number;
	readonly sidBits: number;
	/** log2 of the commands that a command queue may have (CMDQS) */
	readonly commandQueueBits: number;
	readonly rangeInvalidation: boolean;
	readonly forceWriteBack: boolean;
	/** DS: 52-bit addresses with 4K and 16K granules, and TTL and SCALE at full width */
	readonly largeAddresses: boolean;
	readonly outputBits: number;
	readonly granules: readonly number[];
}

const OAS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

export function decodeSmmuIdr(idr: readonly number[]): SmmuFeatures {
	const has = decodeFields(SMMU_IDR, idr.map(BigInt));
	return {
		stage2: has.s2p === 1n,
		stage1: has.s1p === 1n,
		coherentWalks: has.cohacc === 1n,
		setAccess: has.httu >= 1n,
		setDirty: has.httu >= 2n,
		ats: has.ats === 1n,
		asidBits: has.asid16 ? 16 : 8,
		pri: has.pri === 1n,
		vmidBits: has.vmid16 ? 16 : 8,
		twoLevelCd: has.cd2l === 1n,
		stallModel: Number(has.stall_model),
		abortOnly: has.term_model === 1n,
		ssidBits: Number(has.ssidsize),
		sidBits: Number(has.sidsize),
		commandQueueBits: Number(has.cmdqs),
		forceWriteBack: has.fwb === 1n,
		rangeInvalidation: has.ril === 1n,
		largeAddresses: has.ds === 1n,
		outputBits: OAS_BITS[Number(has.oas)],
		granules: [...(has.gran4k ? [12] : []), ...(has.gran16k ? [14] : []), ...(has.gran64k ? [16] : [])],
	};
}

/** Why an entry is bad (C_BAD_STE); undefined if it is good. */
export function badSte(ste: SteStage1, smmu: SmmuFeatures): string | undefined {
	if (!ste.valid) return "V is 0";
	if (ste.config === STE_ABORT || ste.config === STE_BYPASS) return undefined;
	if (ste.config !== STE_S1) return `Config ${ste.config} is reserved here`;
	if (!smmu.stage1) return "the SMMU has no stage 1";
	if (ste.cdMax > smmu.ssidBits) return `S1CDMax ${ste.cdMax} is above SSIDSIZE ${smmu.ssidBits}`;
	if (ste.cdMax > 0 && ste.format === 3) return "S1Fmt 3 is reserved";
	if (ste.cdMax > 0 && ste.format > 0 && !smmu.twoLevelCd) return "two-level CD tables are not supported";
	if (ste.cdMax > 0 && ste.defaultSubstream === 3) return "S1DSS 3 is reserved";
	if (ste.stallDisabled && smmu.stallModel !== 0) return "S1STALLD is 1, but the stall model leaves no choice";
	return undefined;
}
