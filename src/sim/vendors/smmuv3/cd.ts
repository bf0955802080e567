/** Locates, fetches and checks SMMUv3 context descriptors in a guest's table. */
import { CD, L1CD } from "../../../formats/smmuv3/index.js";
import { flagReader, maskOf, numberReader, reader } from "../../../formats/words.js";
import type { WalkObserver } from "../../mmu/observe.js";
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

const L1_VALID = maskOf(L1CD, ["v"]);
const L1_LEAF = maskOf(L1CD, ["l2ptr"]);

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

/** Whether a transaction goes through stage 1 at all: S1DSS may let those without a substream bypass it. */
export function usesStage1(ste: SteStage1, ssid: number | undefined): boolean {
	return ste.config === STE_S1 && !(ste.cdMax > 0 && ssid === undefined && ste.defaultSubstream === 1);
}

/** Finds the CD for a transaction that uses stage 1. `ssid` undefined: the transaction carries no substream. */
export function locateCd(
	memory: PhysMemory,
	ste: SteStage1,
	ssid: number | undefined,
	observe?: WalkObserver,
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
				why: "S1DSS terminates transactions without a substream",
				at: ste.contextPtr,
			};
		index = 0;
	} else if (index === 0 && ste.defaultSubstream === 2) {
		const why = "S1DSS reserves CD 0 for transactions without a substream";
		return { ok: false, event: "F_STREAM_DISABLED", why, at: ste.contextPtr };
	}
	if (index >= 2 ** ste.cdMax) return bad(`substream ${index} is beyond S1CDMax ${ste.cdMax}`);
	if (ste.format === 0) return { ok: true, at: ste.contextPtr + BigInt(index) * 64n };
	// leaves of 64 CDs (4K) or 1024 (64K)
	const split = ste.format === 1 ? 6 : 10;
	const at = ste.contextPtr + BigInt(index >>> split) * 8n;
	const l1 = memory.read64(at);
	observe?.structure("L1CD", at, l1 === undefined ? [] : [l1]);
	if (l1 === undefined) return { ok: false, event: "F_CD_FETCH", why: "the L1CD cannot be read", at };
	if ((l1 & L1_VALID) === 0n) return { ...bad("the L1CD is not valid"), at };
	return { ok: true, at: (l1 & L1_LEAF) + BigInt(index & (2 ** split - 1)) * 64n };
}

/** Fetches and checks the CD of a substream. */
export function fetchCd(
	memory: PhysMemory,
	ste: SteStage1,
	ssid: number | undefined,
	smmu: SmmuFeatures,
	observe?: WalkObserver,
): CdResult {
	const where = locateCd(memory, ste, ssid, observe);
	if (!where.ok) return where;
	const { at } = where;
	const words: bigint[] = [];
	for (let i = 0n; i < 4n; i++) {
		const word = memory.read64(at + i * 8n);
		if (word === undefined) {
			observe?.structure("CD", at, []);
			return { ok: false, event: "F_CD_FETCH", why: "the CD cannot be read", at: at + i * 8n };
		}
		words.push(word);
	}
	observe?.structure("CD", at, words);
	const cd = decodeCd(words, smmu, ste.stallDisabled);
	if (typeof cd === "string") return { ok: false, event: "C_BAD_CD", why: cd, at };
	return { ok: true, cd, at };
}

const IPS_BITS = [32, 36, 40, 42, 44, 48, 52, 52];

const valid = flagReader(CD, "v");
const aarch64 = flagReader(CD, "aa64");
const abort = flagReader(CD, "a");
const stalls = flagReader(CD, "s");
const reports = flagReader(CD, "r");
const bigEndian = flagReader(CD, "endi");
const ha = flagReader(CD, "ha");
const hd = flagReader(CD, "hd");
const affd = flagReader(CD, "affd");
const wxn = flagReader(CD, "wxn");
const pan = flagReader(CD, "pan");
const ips = numberReader(CD, "ips");
const asid = numberReader(CD, "asid");

/** The fields of each half, and the meaning of TGn. */
const LOWER = {
	n: 0,
	granules: [12, 16, 14, undefined],
	tg: numberReader(CD, "tg0"),
	tsz: numberReader(CD, "t0sz"),
	epd: flagReader(CD, "epd0"),
	ttb: reader(CD, "ttb0"),
	tbi: flagReader(CD, "tbi0"),
	had: flagReader(CD, "had0"),
} as const;

const UPPER = {
	n: 1,
	granules: [undefined, 14, 12, 16],
	tg: numberReader(CD, "tg1"),
	tsz: numberReader(CD, "t1sz"),
	epd: flagReader(CD, "epd1"),
	ttb: reader(CD, "ttb1"),
	tbi: flagReader(CD, "tbi1"),
	had: flagReader(CD, "had1"),
} as const;

/** Unpacks and checks a CD's first four words: the CD, or why it is bad (C_BAD_CD). */
export function decodeCd(words: readonly bigint[], smmu: SmmuFeatures, stallDisabled = false): ContextDescriptor | string {
	const stall = stalls(words);
	if (!valid(words)) return "V is 0";
	if (!aarch64(words)) return "AA64 is 0: AArch32 tables are not supported";
	if (smmu.abortOnly && !abort(words)) return "A is 0, but transactions can only be aborted";
	if (stall && (smmu.stallModel === 1 || stallDisabled)) return "S is 1, but nothing may stall";
	if (!stall && smmu.stallModel === 2) return "S is 0, but every fault stalls";
	const setAccess = ha(words);
	const setDirty = hd(words);
	if (setAccess && !smmu.setAccess) return "HA is 1, but hardware does not set access flags";
	if (setDirty && !smmu.setDirty) return "HD is 1, but hardware does not set dirty state";
	if (bigEndian(words)) return "ENDI is 1: big-endian tables are not supported";
	const outputBits = Math.min(IPS_BITS[ips(words)], smmu.outputBits);
	const half = ({ n, granules, ...of }: typeof LOWER | typeof UPPER): ArmPaging | string => {
		const disabled = of.epd(words);
		const granule = granules[of.tg(words)];
		const tsz = of.tsz(words);
		const ttb = of.ttb(words);
		if (!disabled) {
			if (granule === undefined || !smmu.granules.includes(granule)) return `TG${n} is not a supported granule`;
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
			ignoreTopByte: of.tbi(words),
			noAccessFault: affd(words),
			setAccess,
			setDirty: setDirty && setAccess,
			flatPermissions: of.had(words),
			writeImpliesNoExecute: wxn(words),
			privilegedAccessNever: pan(words),
		};
	};
	const lower = half(LOWER);
	if (typeof lower === "string") return lower;
	const upper = half(UPPER);
	if (typeof upper === "string") return upper;
	return { asid: asid(words), lower, upper, report: reports(words), stall };
}

/** Which half translates an address: bit 55 decides (bit 63 is equal unless TBI is set). */
export function armHalf(cd: ContextDescriptor, va: bigint): ArmPaging {
	return (va >> 55n) & 1n ? cd.upper : cd.lower;
}
