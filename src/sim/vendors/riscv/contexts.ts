/** A guest's device context and process contexts: decoded, checked, and looked up. */
import {
	RISCV_DC,
	RISCV_DC_EXTENDED,
	RISCV_GMODES,
	RISCV_MODES,
	RISCV_PC,
	RISCV_PD_MODES,
	RISCV_PDT_ENTRY,
} from "../../../formats/riscv/index.js";
import { decodeFields, flagReader, numberReader, reader, reservedOf } from "../../../formats/words.js";
import type { WalkObserver } from "../../mmu/observe.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import { CAUSE } from "./faults.js";
import { processIdBits, type RiscvFeatures } from "./features.js";

/** A first stage. */
export interface RiscvFirstStage {
	/** `iosatp.MODE`; 0: Bare */
	readonly mode: number;
	readonly root: bigint;
	/** tags what is cached of it */
	readonly pscid: number;
}

/** A device context that the IOMMU would take. */
export interface RiscvContext {
	/** the device may use ATS, and send page requests (EN_ATS, EN_PRI) */
	readonly ats: boolean;
	readonly pageRequests: boolean;
	/** faults of translations are not reported (DTF) */
	readonly quiet: boolean;
	/** hardware sets A and D of the guest's entries (SADE) */
	readonly setsAccessed: boolean;
	/** requests without process ID have process ID 0 (DPE) */
	readonly defaultProcess: boolean;
	/** PDTV: the process directory */
	readonly directory?: { readonly mode: number; readonly root: bigint };
	/** without PDTV: the first stage of requests, none of which has a process ID */
	readonly stage1: RiscvFirstStage;
}

/** What a device context amounts to. `why`: the field at fault. */
export type ContextResult =
	| { readonly ok: true; readonly context: RiscvContext }
	| { readonly ok: false; readonly cause: number; readonly why: string };

const DC_RESERVED = [0, 1, 2, 3].map((word) => reservedOf(RISCV_DC, word));
const EXTENDED_RESERVED = [4, 5, 6, 7].map((word) => reservedOf(RISCV_DC_EXTENDED, word));
/** with QOSID, the `ta` words have a resource and a monitoring ID in bits 63:40 */
const QOS = ((1n << 24n) - 1n) << 40n;

/**
 * Checks a guest's device context as the IOMMU does (2.1.4), on hardware with little-endian tables and 64-bit guests. The host
 * keeps the second stage and the MSI page tables, so a guest's context has neither.
 */
export function decodeDc(words: readonly bigint[], features: RiscvFeatures): ContextResult {
	const dc = decodeFields(RISCV_DC, words);
	if (dc.v === 0n) return { ok: false, cause: CAUSE.DDT_INVALID, why: "V is 0" };
	const wrong = wrongIn(words, dc, features);
	if (wrong !== undefined) return { ok: false, cause: CAUSE.DDT_MISCONFIGURED, why: wrong };
	const root = dc.fsc_ppn << 12n;
	const mode = Number(dc.fsc_mode);
	const context = {
		ats: dc.en_ats === 1n,
		pageRequests: dc.en_pri === 1n,
		quiet: dc.dtf === 1n,
		setsAccessed: dc.sade === 1n,
		defaultProcess: dc.dpe === 1n,
		directory: dc.pdtv === 1n ? { mode, root } : undefined,
		stage1: dc.pdtv === 1n ? BARE : { mode, root, pscid: Number(dc.pscid) },
	};
	return { ok: true, context };
}

/** No first stage: addresses are guest-physical. */
export const BARE: RiscvFirstStage = { mode: RISCV_MODES.BARE, root: 0n, pscid: 0 };

function wrongIn(words: readonly bigint[], dc: ReturnType<typeof decodeFields<keyof typeof RISCV_DC>>, features: RiscvFeatures) {
	const reserved = [...DC_RESERVED, ...(features.extended ? EXTENDED_RESERVED : [])];
	for (const [i, mask] of reserved.entries()) {
		const stray = words[i] & mask & ~(i === 2 && features.qosIds ? QOS : 0n);
		if (stray !== 0n) return `word ${i} has reserved bits 0x${stray.toString(16)}`;
	}
	if (!features.ats && (dc.en_ats | dc.en_pri | dc.prpr) !== 0n) return "EN_ATS, EN_PRI or PRPR is 1, and the IOMMU has no ATS";
	if (dc.en_ats === 0n && (dc.t2gpa | dc.en_pri) !== 0n) return "T2GPA or EN_PRI is 1, and EN_ATS is 0";
	if (dc.en_pri === 0n && dc.prpr === 1n) return "PRPR is 1, and EN_PRI is 0";
	if (dc.t2gpa === 1n) return "T2GPA is 1, and the context has no second stage";
	const mode = Number(dc.fsc_mode);
	const modes = dc.pdtv === 1n ? features.directoryModes : features.modes;
	if (mode !== 0 && !modes.includes(mode)) return `fsc has ${dc.pdtv === 1n ? "process directory" : "first-stage"} mode ${mode}`;
	if (dc.pdtv === 0n && dc.dpe === 1n) return "DPE is 1, and PDTV is 0";
	if (dc.iohgatp_mode !== BigInt(RISCV_GMODES.BARE)) return `iohgatp has mode ${dc.iohgatp_mode}: the second stage is the host's`;
	if (!features.setsAccessed && (dc.sade | dc.gade) !== 0n) return "SADE or GADE is 1, and the IOMMU has no AMO_HWAD";
	if (dc.sbe === 1n) return "SBE is 1, and the IOMMU is little-endian";
	if (dc.sxl === 1n) return "SXL is 1, and guests have 64 bits";
	if (features.extended && decodeFields(RISCV_DC_EXTENDED, words).msiptp_mode !== 0n)
		return "msiptp is on: the MSI page tables are the host's";
	return undefined;
}

/** A process context that was found. */
export interface ProcessContext {
	readonly stage1: RiscvFirstStage;
	/** privileged requests are allowed (ENS), and may access users' pages (SUM) */
	readonly supervisor: boolean;
	readonly supervisorUserAccess: boolean;
}

export type ProcessResult =
	| { readonly ok: true; readonly process: ProcessContext }
	/** `at`: an entry that could not be read */
	| { readonly ok: false; readonly cause: number; readonly at?: bigint };

const entryValid = flagReader(RISCV_PDT_ENTRY, "v");
const entryPpn = reader(RISCV_PDT_ENTRY, "ppn");
const ENTRY_RESERVED = reservedOf(RISCV_PDT_ENTRY);
const valid = flagReader(RISCV_PC, "v");
const ens = flagReader(RISCV_PC, "ens");
const sum = flagReader(RISCV_PC, "sum");
const pscid = numberReader(RISCV_PC, "pscid");
const ppn = reader(RISCV_PC, "ppn");
const modeOf = numberReader(RISCV_PC, "mode");
const TA_RESERVED = reservedOf(RISCV_PC, 0);
const FSC_RESERVED = reservedOf(RISCV_PC, 1);

/** The part of a process ID that selects an entry of a table at a level: 8, 9 and 3 bits. */
function indexAt(level: number, pid: number): number {
	return level === 0 ? pid & 0xff : level === 1 ? (pid >> 8) & 0x1ff : pid >> 17;
}

/** Finds a process context in a directory (2.3.2). `memory` is guest-physical. The process ID fits the mode. */
export function lookupProcess(
	memory: PhysMemory,
	{ mode, root }: { readonly mode: number; readonly root: bigint },
	pid: number,
	features: RiscvFeatures,
	observe?: WalkObserver,
): ProcessResult {
	let table = root;
	for (let level = mode - RISCV_PD_MODES.PD8; level > 0; level--) {
		const at = table + BigInt(indexAt(level, pid)) * 8n;
		const entry = memory.read64(at);
		observe?.structure(`PDT entry, level ${level}`, at, entry === undefined ? [] : [entry]);
		if (entry === undefined) return { ok: false, cause: CAUSE.PDT_LOAD, at };
		if (!entryValid([entry])) return { ok: false, cause: CAUSE.PDT_INVALID };
		if ((entry & ENTRY_RESERVED) !== 0n) return { ok: false, cause: CAUSE.PDT_MISCONFIGURED };
		table = entryPpn([entry]) << 12n;
	}
	const at = table + BigInt(indexAt(0, pid)) * 16n;
	const ta = memory.read64(at);
	const fsc = ta === undefined ? undefined : memory.read64(at + 8n);
	if (ta === undefined || fsc === undefined) return { ok: false, cause: CAUSE.PDT_LOAD, at };
	const words = [ta, fsc];
	observe?.structure("process context", at, words);
	if (!valid(words)) return { ok: false, cause: CAUSE.PDT_INVALID };
	const mode1 = modeOf(words);
	const reserved = (ta & TA_RESERVED & ~(features.qosIds ? QOS : 0n)) | (fsc & FSC_RESERVED);
	if (reserved !== 0n || (mode1 !== RISCV_MODES.BARE && !features.modes.includes(mode1)))
		return { ok: false, cause: CAUSE.PDT_MISCONFIGURED };
	const stage1 = { mode: mode1, root: ppn(words) << 12n, pscid: pscid(words) };
	return { ok: true, process: { stage1, supervisor: ens(words), supervisorUserAccess: sum(words) } };
}

/** Whether a process ID has no more bits than a directory looks up; a directory that is Bare looks none up. */
export const fitsDirectory = (mode: number, pid: number): boolean => mode === RISCV_PD_MODES.BARE || pid < 2 ** processIdBits(mode);
