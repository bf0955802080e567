/** Decodes AMD's guest device table entries, and looks up guest CR3 tables. */
import { AMD_DTE as DTE, AMD_GCR3_ENTRY as ENTRY } from "../../../formats/amd/index.js";
import { flagReader, maskOf, numberReader, reader, reservedOf } from "../../../formats/words.js";
import type { WalkObserver } from "../../mmu/observe.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import { type FaultKind, fault } from "../../mmu/walk.js";

/** A guest device table entry (AMD I/O Virtualization Technology specification, 2.2.2.1). */
export interface AmdGuestDte {
	readonly valid: boolean;
	/** TV: the translation fields are valid */
	readonly translationValid: boolean;
	/** Mode: levels of the host table; must be 0 in a guest's entry */
	readonly hostMode: number;
	/** the host table's root; must be 0 in a guest's entry */
	readonly hostRoot: bigint;
	/** PPR: page requests are allowed */
	readonly pageRequests: boolean;
	/** GIOV: requests without PASID use the guest table of PASID 0 */
	readonly guestIoValid: boolean;
	/** GV: there is a guest CR3 table */
	readonly guestValid: boolean;
	/** GLX: levels of the guest CR3 table less one; 3 is reserved */
	readonly glx: number;
	/** the guest CR3 table */
	readonly gcr3: bigint;
	readonly domainId: number;
	/** the device may use ATS (I) */
	readonly ats: boolean;
	/** levels of guest page tables; undefined: reserved */
	readonly guestLevels?: 4 | 5;
}

const valid = flagReader(DTE, "v");
const translationValid = flagReader(DTE, "tv");
const hostMode = numberReader(DTE, "mode");
const hostRoot = reader(DTE, "host_root");
const pageRequests = flagReader(DTE, "ppr");
const guestIoValid = flagReader(DTE, "giov");
const guestValid = flagReader(DTE, "gv");
const glx = numberReader(DTE, "glx");
const gcr3 = reader(DTE, "gcr3");
const domainId = numberReader(DTE, "domain_id");
const ats = flagReader(DTE, "i");
/** GuestPagingMode: 0 four levels, 1 five */
export const guestPagingMode = numberReader(DTE, "guest_paging_mode");
const LEVELS = [4, 5] as const;

/** Unpacks the four words; nothing is checked. */
export function decodeAmdDte(words: readonly bigint[]): AmdGuestDte {
	return {
		valid: valid(words),
		translationValid: translationValid(words),
		hostMode: hostMode(words),
		hostRoot: hostRoot(words),
		pageRequests: pageRequests(words),
		guestIoValid: guestIoValid(words),
		guestValid: guestValid(words),
		glx: glx(words),
		gcr3: gcr3(words),
		domainId: domainId(words),
		ats: ats(words),
		guestLevels: LEVELS[guestPagingMode(words)],
	};
}

export type Gcr3Result =
	/** the guest page table's root, and where it was found */
	{ ok: true; root: bigint; at: bigint } | { ok: false; fault: FaultKind; level: number; entry: bigint };

const VALID = maskOf(ENTRY, ["v"]);
const ADDRESS = maskOf(ENTRY, ["address"]);
const RESERVED = reservedOf(ENTRY);

/** Finds a PASID's page table: GLX+1 levels of 512 entries each. */
export function lookupGcr3(memory: PhysMemory, gcr3: bigint, glx: number, pasid: number, observe?: WalkObserver): Gcr3Result {
	// a PASID with more bits than the levels cover must not alias a smaller one
	if (glx < 0 || glx > 2 || pasid >= 2 ** Math.min(20, 9 * (glx + 1))) return fault("non-canonical", glx + 1, gcr3);
	let table = gcr3 & ADDRESS;
	for (let level = glx; ; level--) {
		const at = table + BigInt((pasid >>> (9 * level)) & 0x1ff) * 8n;
		const entry = memory.read64(at);
		observe?.structure(`GCR3 table entry, level ${level + 1}`, at, entry === undefined ? [] : [entry]);
		if (entry === undefined) return fault("table-fetch", level + 1, at);
		if ((entry & VALID) === 0n) return fault("not-present", level + 1, at);
		if ((entry & RESERVED) !== 0n) return fault("reserved", level + 1, at);
		if (level === 0) return { ok: true, root: entry & ADDRESS, at };
		table = entry & ADDRESS;
	}
}
