import { bit, bits, field } from "../../../formats/bits.js";

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
	/** S1DSS: transactions without substream: 0 terminate, 1 bypass, 2 use CD 0 */
	readonly defaultSubstream: number;
	readonly stallDisabled: boolean;
	/** EATS: 0 no ATS, 1 full ATS */
	readonly ats: number;
}

export const STE_ABORT = 0;
export const STE_BYPASS = 4;
export const STE_S1 = 5;

export function decodeSte(words: readonly bigint[]): SteStage1 {
	const [w0, w1] = words;
	return {
		valid: bit(w0, 0),
		config: field(w0, 3, 1),
		format: field(w0, 5, 4),
		contextPtr: bits(w0, 51, 6) << 6n,
		cdMax: field(w0, 63, 59),
		defaultSubstream: field(w1, 1, 0),
		stallDisabled: bit(w1, 27),
		ats: field(w1, 29, 28),
	};
}

/** What an SMMU promises, from its identification registers (IHI0070, 6.3.1 to 6.3.6). */
export interface SmmuFeatures {
	readonly stage1: boolean;
	readonly stage2: boolean;
	readonly asidBits: 8 | 16;
	readonly vmidBits: 8 | 16;
	readonly ats: boolean;
	readonly pri: boolean;
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
	readonly rangeInvalidation: boolean;
	readonly forceWriteBack: boolean;
	/** DS: 52-bit addresses with 4K and 16K, and TTL and SCALE in their full width */
	readonly largeAddresses: boolean;
	readonly outputBits: number;
	readonly granules: readonly number[];
}

const OAS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];

export function decodeSmmuIdr(idr: readonly number[]): SmmuFeatures {
	const f = (reg: number, hi: number, lo: number) => (idr[reg] >>> lo) & (2 ** (hi - lo + 1) - 1);
	const httu = f(0, 7, 6);
	return {
		stage2: f(0, 0, 0) === 1,
		stage1: f(0, 1, 1) === 1,
		setAccess: httu >= 1,
		setDirty: httu >= 2,
		ats: f(0, 10, 10) === 1,
		asidBits: f(0, 12, 12) ? 16 : 8,
		pri: f(0, 16, 16) === 1,
		vmidBits: f(0, 18, 18) ? 16 : 8,
		twoLevelCd: f(0, 19, 19) === 1,
		stallModel: f(0, 25, 24),
		abortOnly: f(0, 26, 26) === 1,
		ssidBits: f(1, 10, 6),
		sidBits: f(1, 5, 0),
		forceWriteBack: f(3, 8, 8) === 1,
		rangeInvalidation: f(3, 10, 10) === 1,
		largeAddresses: f(5, 7, 7) === 1,
		outputBits: OAS_BITS[f(5, 2, 0)],
		granules: [...(f(5, 4, 4) ? [12] : []), ...(f(5, 5, 5) ? [14] : []), ...(f(5, 6, 6) ? [16] : [])],
	};
}

/** Why an entry is no good (C_BAD_STE), if it is not. */
export function badSte(ste: SteStage1, smmu: SmmuFeatures): string | undefined {
	if (!ste.valid) return "V is 0";
	if (ste.config === STE_ABORT || ste.config === STE_BYPASS) return undefined;
	if (ste.config !== STE_S1) return `Config ${ste.config} is reserved here`;
	if (!smmu.stage1) return "there is no stage 1";
	if (ste.cdMax > smmu.ssidBits) return `S1CDMax ${ste.cdMax} is above SSIDSIZE ${smmu.ssidBits}`;
	if (ste.cdMax > 0 && ste.format === 3) return "S1Fmt 3 is reserved";
	if (ste.cdMax > 0 && ste.format > 0 && !smmu.twoLevelCd) return "there are no two-level CD tables";
	if (ste.cdMax > 0 && ste.defaultSubstream === 3) return "S1DSS 3 is reserved";
	if (ste.stallDisabled && smmu.stallModel !== 0) return "S1STALLD without a choice of stalls";
	return undefined;
}
