/** Looks up and decodes PASID table entries of guests in VT-d's scalable mode. */
import { VTD_PASID_DIR_ENTRY as DIR, VTD_PASID_ENTRY as ENTRY } from "../../../formats/vtd/index.js";
import { flagReader, maskOf, numberReader, reader, reservedOf } from "../../../formats/words.js";
import type { WalkObserver } from "../../mmu/observe.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import type { X86Paging } from "../../mmu/walk-x86.js";

/** VT-d's scalable-mode PASID table entry (Intel VT-d specification, 9.6), the fields that matter here. */
export interface VtdPasidEntry {
	/** PGTT: 1 first stage, 2 second stage, 3 nested, 4 pass-through */
	readonly type: number;
	readonly domainId: number;
	/** FSPTPTR: the first stage's root */
	readonly firstStage: bigint;
	/** SSPTPTR: the second stage's root */
	readonly secondStage: bigint;
	/** AW: bits of the second stage: 1: 39, 2: 48, 3: 57 */
	readonly addressWidth: number;
	/** FSPM: levels of the first stage */
	readonly levels: 4 | 5;
	readonly supervisorRequests: boolean;
	readonly executeRequests: boolean;
	readonly writeProtect: boolean;
	readonly noExecute: boolean;
	readonly smep: boolean;
	readonly extendedAccessed: boolean;
	readonly snoop: boolean;
	readonly faultsDisabled: boolean;
}

/** A fault on the way to the entry: VT-d's fault reason. */
export interface VtdPasidFault {
	readonly reason: number;
	/** the address of the entry at fault */
	readonly entry: bigint;
	/** FPD: the guest disabled fault reports */
	readonly faultsDisabled: boolean;
}

export type VtdPasidResult = { ok: true; entry: VtdPasidEntry; at: bigint } | ({ ok: false } & VtdPasidFault);

const DIR_PRESENT = maskOf(DIR, ["p"]);
const DIR_FPD = maskOf(DIR, ["fpd"]);
const DIR_RESERVED = reservedOf(DIR);
const DIR_TABLE = maskOf(DIR, ["smptblptr"]);

const ENTRY_RESERVED = Array.from({ length: 8 }, (_, word) => reservedOf(ENTRY, word));

const present = flagReader(ENTRY, "p");
const faultsDisabled = flagReader(ENTRY, "fpd");
const addressWidth = numberReader(ENTRY, "aw");
const type = numberReader(ENTRY, "pgtt");
const secondStage = reader(ENTRY, "ssptptr");
const domainId = numberReader(ENTRY, "did");
const snoop = flagReader(ENTRY, "pgsnp");
const supervisorRequests = flagReader(ENTRY, "sre");
const executeRequests = flagReader(ENTRY, "ere");
const firstStageMode = numberReader(ENTRY, "fspm");
const writeProtect = flagReader(ENTRY, "wpe");
const noExecute = flagReader(ENTRY, "nxe");
const smep = flagReader(ENTRY, "smep");
const extendedAccessed = flagReader(ENTRY, "eafe");
const firstStage = reader(ENTRY, "fsptptr");

export interface VtdPasidTable {
	/** the PASID directory */
	readonly base: bigint;
	/** number of directory entries, 2^(PDTS+7); each covers 64 PASIDs */
	readonly entries: number;
}

/** Looks a PASID up in the guest's directory and table. */
export function lookupVtdPasid(memory: PhysMemory, table: VtdPasidTable, pasid: number, observe?: WalkObserver): VtdPasidResult {
	const no = (reason: number, entry: bigint, faultsDisabled = false): VtdPasidResult => ({
		ok: false,
		reason,
		entry,
		faultsDisabled,
	});
	const slot = pasid >>> 6;
	// larger than the context entry allows: SCT.7
	if (slot >= table.entries) return no(0x46, table.base);
	const dirAt = (table.base & DIR_TABLE) + BigInt(slot) * 8n;
	const dir = memory.read64(dirAt);
	observe?.structure("PASID directory entry", dirAt, dir === undefined ? [] : [dir]);
	if (dir === undefined) return no(0x50, dirAt);
	const quietDir = (dir & DIR_FPD) !== 0n;
	if ((dir & DIR_PRESENT) === 0n) return no(0x51, dirAt, quietDir);
	if ((dir & DIR_RESERVED) !== 0n) return no(0x52, dirAt, quietDir);
	const at = (dir & DIR_TABLE) + BigInt(pasid & 63) * 64n;
	const words: bigint[] = [];
	for (let i = 0n; i < 8n; i++) {
		const word = memory.read64(at + i * 8n);
		if (word === undefined) {
			observe?.structure("PASID table entry", at, []);
			return no(0x58, at, quietDir);
		}
		words.push(word);
	}
	observe?.structure("PASID table entry", at, words);
	const quiet = faultsDisabled(words);
	if (!present(words)) return no(0x59, at, quiet);
	// SPT.3: a reserved bit in any of the eight words of a present entry
	if (words.some((word, i) => (word & ENTRY_RESERVED[i]) !== 0n)) return no(0x5a, at, quiet);
	const entry = decodeVtdPasidEntry(words);
	if (entry.type < 1 || entry.type > 4) return no(0x5b, at, quiet);
	// FSPM 2 and 3 are reserved; so is AW for tables with a second stage
	if ((entry.type === 1 || entry.type === 3) && firstStageMode(words) > 1) return no(0x5b, at, quiet);
	if ((entry.type === 2 || entry.type === 3) && (entry.addressWidth < 1 || entry.addressWidth > 3)) return no(0x5b, at, quiet);
	return { ok: true, entry, at };
}

/** The first three words of an entry, unpacked; nothing is checked. */
export function decodeVtdPasidEntry(words: readonly bigint[]): VtdPasidEntry {
	return {
		faultsDisabled: faultsDisabled(words),
		addressWidth: addressWidth(words),
		type: type(words),
		secondStage: secondStage(words),
		domainId: domainId(words),
		snoop: snoop(words),
		supervisorRequests: supervisorRequests(words),
		executeRequests: executeRequests(words),
		levels: firstStageMode(words) === 1 ? 5 : 4,
		writeProtect: writeProtect(words),
		noExecute: noExecute(words),
		smep: smep(words),
		extendedAccessed: extendedAccessed(words),
		firstStage: firstStage(words),
	};
}

/** What the unit's registers say of first-stage tables. */
export interface VtdLimits {
	/** bits of a host address (HAW); higher bits of an entry are reserved */
	readonly addressBits: number;
	/** bits of a guest-physical address: those that the second stage translates (MGAW) */
	readonly guestBits: number;
	/** CAP.FS1GP */
	readonly page1G: boolean;
}

/** The walker's parameters for an entry's first stage. */
export function vtdPagingOf(entry: VtdPasidEntry, { addressBits, guestBits, page1G }: VtdLimits): X86Paging {
	return {
		levels: entry.levels,
		root: entry.firstStage,
		addressBits,
		outputBits: guestBits,
		page1G,
		writeProtect: entry.writeProtect,
		noExecute: entry.noExecute,
		smep: entry.smep,
		accessedDirty: true,
		extendedAccessed: entry.extendedAccessed,
	};
}
