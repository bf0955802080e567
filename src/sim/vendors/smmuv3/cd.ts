import { bit, bits, field } from "../../../formats/bits.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import type { ArmPaging } from "../../mmu/walk-arm.js";
import { type SmmuFeatures, STE_S1, type SteStage1 } from "./stream-table.js";

/** A context descriptor (IHI0070, 5.4) that passed its checks. */
export interface ContextDescriptor {
	readonly asid: number;
	/** TTB0's half; its `disabled` is EPD0 */
	readonly lower: ArmPaging;
	/** TTB1's half */
	readonly upper: ArmPaging;
	/** R: faults are recorded */
	readonly report: boolean;
	/** S: a faulting transaction stalls */
	readonly stall: boolean;
}

/** How fetching a CD failed: the event that hardware records. */
export type CdResult =
	| { ok: true; cd: ContextDescriptor; at: bigint }
	| {
			ok: false;
			event: "C_BAD_SUBSTREAMID" | "C_BAD_CD" | "F_CD_FETCH" | "F_STREAM_DISABLED";
			why: string;
			/** the word that could not be read, or the CD */
			at: bigint;
	  };

/** Whether a transaction goes through stage 1 at all: S1DSS may let those without substream by. */
export function usesStage1(ste: SteStage1, ssid: number | undefined): boolean {
	return ste.config === STE_S1 && !(ste.cdMax > 0 && ssid === undefined && ste.defaultSubstream === 1);
}

/** Where a substream's CD is, of a transaction that uses stage 1. `ssid` undefined: the transaction carries none. */
export function locateCd(
	memory: PhysMemory,
	ste: SteStage1,
	ssid: number | undefined,
): { ok: true; at: bigint } | Exclude<CdResult, { ok: true }> {
	const bad = (why: string) => ({ ok: false, event: "C_BAD_SUBSTREAMID", why, at: ste.contextPtr }) as const;
	if (ste.cdMax === 0) {
		if (ssid !== undefined) return bad("S1CDMax is 0: there are no substreams");
		return { ok: true, at: ste.contextPtr };
	}
	let index = ssid;
	if (index === undefined) {
		if (ste.defaultSubstream === 0)
			return {
				ok: false,
				event: "F_STREAM_DISABLED",
				why: "S1DSS terminates transactions without substream",
				at: ste.contextPtr,
			};
		index = 0;
	} else if (index === 0 && ste.defaultSubstream === 2) return bad("S1DSS keeps CD 0 for transactions without substream");
	if (index >= 2 ** ste.cdMax) return bad(`substream ${index} is beyond S1CDMax ${ste.cdMax}`);
	if (ste.format === 0) return { ok: true, at: ste.contextPtr + BigInt(index) * 64n };
	// leaves of 64 CDs (4K) or 1024 (64K)
	const split = ste.format === 1 ? 6 : 10;
	const at = ste.contextPtr + BigInt(index >>> split) * 8n;
	const l1 = memory.read64(at);
	if (l1 === undefined) return { ok: false, event: "F_CD_FETCH", why: "the L1CD can not be read", at };
	if (!bit(l1, 0)) return { ...bad("the L1CD is not valid"), at };
	const leaf = bits(l1, 55, 12) << 12n;
	return { ok: true, at: leaf + BigInt(index & (2 ** split - 1)) * 64n };
}

/** Fetches and checks the CD of a substream. */
export function fetchCd(memory: PhysMemory, ste: SteStage1, ssid: number | undefined, smmu: SmmuFeatures): CdResult {
	const where = locateCd(memory, ste, ssid);
	if (!where.ok) return where;
	const { at } = where;
	const words: bigint[] = [];
	for (let i = 0n; i < 4n; i++) {
		const word = memory.read64(at + i * 8n);
		if (word === undefined) return { ok: false, event: "F_CD_FETCH", why: "the CD can not be read", at: at + i * 8n };
		words.push(word);
	}
	const cd = decodeCd(words, smmu, ste.stallDisabled);
	if (typeof cd === "string") return { ok: false, event: "C_BAD_CD", why: cd, at };
	return { ok: true, cd, at };
}

const IPS_BITS = [32, 36, 40, 42, 44, 48, 52, 52];
/** TG0's and TG1's encodings differ */
const TG0 = [12, 16, 14, undefined] as const;
const TG1 = [undefined, 14, 12, 16] as const;

/** Unpacks and checks a CD's first four words: the CD, or why it is bad (C_BAD_CD). */
export function decodeCd(words: readonly bigint[], smmu: SmmuFeatures, stallDisabled = false): ContextDescriptor | string {
	const [w0, w1, w2] = words;
	const stall = bit(w0, 44);
	if (!bit(w0, 31)) return "V is 0";
	if (!bit(w0, 41)) return "AA64 is 0: there are no AArch32 tables";
	if (smmu.abortOnly && !bit(w0, 46)) return "A is 0, but transactions can only be aborted";
	if (stall && (smmu.stallModel === 1 || stallDisabled)) return "S is 1, but nothing may stall";
	if (!stall && smmu.stallModel === 2) return "S is 0, but every fault stalls";
	if (bit(w0, 43) && !smmu.setAccess) return "HA is 1, but access flags are not set by hardware";
	if (bit(w0, 42) && !smmu.setDirty) return "HD is 1, but dirty state is not set by hardware";
	if (bit(w0, 15)) return "ENDI is 1: big-endian tables are not supported";
	const outputBits = Math.min(IPS_BITS[field(w0, 34, 32)], smmu.outputBits);
	const half = (n: 0 | 1): ArmPaging | string => {
		const base = n * 16;
		const disabled = bit(w0, base + 14);
		const granule = (n ? TG1 : TG0)[field(w0, base + 7, base + 6)];
		const tsz = field(w0, base + 5, base);
		const ttb = bits(n ? w2 : w1, 51, 4) << 4n;
		if (!disabled) {
			if (granule === undefined || !smmu.granules.includes(granule)) return `TG${n} is not a granule that is supported`;
			if (tsz < 16 || tsz > 39) return `T${n}SZ is ${tsz}, not 16 to 39`;
			if (ttb >> BigInt(outputBits) !== 0n) return `TTB${n} is wider than ${outputBits} bits`;
		}
		return {
			granule: granule ?? 12,
			inputBits: 64 - Math.min(39, Math.max(16, tsz)),
			outputBits,
			ttb,
			upper: n === 1,
			disabled,
			ignoreTopByte: bit(w0, 38 + n),
			noAccessFault: bit(w0, 35),
			setAccess: bit(w0, 43),
			setDirty: bit(w0, 42) && bit(w0, 43),
			flatPermissions: bit(n ? w2 : w1, 1),
			writeImpliesNoExecute: bit(w0, 36),
			privilegedAccessNever: bit(w0, 40),
		};
	};
	const lower = half(0);
	if (typeof lower === "string") return lower;
	const upper = half(1);
	if (typeof upper === "string") return upper;
	return { asid: field(w0, 63, 48), lower, upper, report: bit(w0, 45), stall };
}

/** Which half translates an address: bit 55 decides (bit 63 and it agree unless TBI is set). */
export function armHalf(cd: ContextDescriptor, va: bigint): ArmPaging {
	return (va >> 55n) & 1n ? cd.upper : cd.lower;
}
