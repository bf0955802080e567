/** Walks x86-64 tables of four or five levels, as VT-d and AMD hardware does. */
import type { WalkObserver } from "./observe.js";
import type { PhysMemory } from "./phys-memory.js";
import { EXEC, fault, PRIV, READ, USER, type WalkCache, type WalkResult, WRITE } from "./walk.js";

/**
 * x86-64 tables as VT-d's first stage (Intel VT-d specification, 3.6 and 9.8) and AMD's guest
 * tables (AMD I/O Virtualization Technology specification, 2.2.6) walk them.
 */
export interface X86Paging {
	/** 4, or 5 with 57-bit addresses */
	readonly levels: 4 | 5;
	/** the root table's address */
	readonly root: bigint;
	/** bits of a physical address; an entry's address bits above are reserved. Default 52 */
	readonly addressBits?: number;
	/** nested: bits of the addresses that the stage beneath translates; a wider one in the root pointer or an entry faults. Default: no limit */
	readonly outputBits?: number;
	/** supervisor writes obey the writable bit (VT-d WPE). Default false */
	readonly writeProtect?: boolean;
	/** bit 63 forbids execution (NXE); if false, the bit is ignored */
	readonly noExecute?: boolean;
	/** supervisor requests may not execute user pages */
	readonly smep?: boolean;
	/** 1 GiB pages are supported. Default true */
	readonly page1G?: boolean;
	/** set accessed and dirty bits. Default false */
	readonly accessedDirty?: boolean;
	/** set the extended-accessed bit too (VT-d EAFE) */
	readonly extendedAccessed?: boolean;
}

const P = 1n;
const RW = 2n;
const US = 4n;
const A = 0x20n;
const D = 0x40n;
const PS = 0x80n;
const G = 0x100n;
const EA = 0x400n;
const NX = 1n << 63n;
const INDEX = 0x1ffn;
const ADDRESS = 0x000f_ffff_ffff_f000n;
const SHIFTS = [0n, 12n, 21n, 30n, 39n, 48n];

/**
 * Translates `va` for a request of `access` (READ, WRITE, EXEC, PRIV).
 * Levels count from 1 (4K) to 5.
 */
export function walkX86(
	memory: PhysMemory,
	paging: X86Paging,
	va: bigint,
	access: number,
	cache?: WalkCache,
	observe?: WalkObserver,
): WalkResult {
	const top = paging.levels === 5 ? 57n : 48n;
	// canonical: all bits above the top one are copies of it
	const upper = va >> (top - 1n);
	if (upper !== 0n && upper !== (1n << (65n - top)) - 1n) return fault("non-canonical", paging.levels, paging.root);

	const start = cache?.find(va);
	let level = start ? start.level : paging.levels;
	let table = start ? start.table : paging.root & ADDRESS;
	let perm = start ? start.perm : READ | WRITE | EXEC | USER;
	const { outputBits } = paging;
	const beyond = outputBits === undefined ? 0n : ADDRESS & ~((1n << BigInt(outputBits)) - 1n);
	// of the root pointer all bits above count: it has no flags there, as an entry has
	if (!start && outputBits !== undefined && paging.root >> BigInt(outputBits) !== 0n) return fault("address-size", paging.levels, table);
	const tooWide = paging.addressBits === undefined ? 0n : ADDRESS & ~((1n << BigInt(paging.addressBits)) - 1n);
	const touch = paging.accessedDirty ? (paging.extendedAccessed ? A | EA : A) : 0n;

	for (; ; level--) {
		const shift = SHIFTS[level];
		const at = table + (((va >> shift) & INDEX) << 3n);
		const entry = memory.read64(at);
		observe?.entry(level, at, entry);
		if (entry === undefined) return fault("table-fetch", level, at);
		if ((entry & P) === 0n) return fault("not-present", level, at);
		const leaf = level === 1 || (entry & PS) !== 0n;
		if (isReserved(entry, level, leaf, tooWide, paging.page1G ?? true)) return fault("reserved", level, at);
		if ((entry & beyond) !== 0n) return fault("address-size", level, at);
		if ((entry & RW) === 0n) perm &= ~WRITE;
		if ((entry & US) === 0n) perm &= ~USER;
		if (paging.noExecute && (entry & NX) !== 0n) perm &= ~EXEC;
		if (!leaf) {
			if (touch !== 0n && (entry & touch) !== touch && !update(memory, at, entry | touch)) return fault("update", level, at);
			table = entry & ADDRESS;
			cache?.add(va, Number(shift), { level: level - 1, table, perm });
			continue;
		}
		const refused = x86Refuses(paging, perm, access);
		if (refused) return fault(refused, level, at);
		const wanted = touch === 0n ? 0n : (access & WRITE) !== 0 ? touch | D : touch;
		if ((entry & wanted) !== wanted && !update(memory, at, entry | wanted)) return fault("update", level, at);
		const size = 1n << shift;
		const pa = (entry & ADDRESS & ~(size - 1n)) | (va & (size - 1n));
		const clean = touch !== 0n && ((entry | wanted) & D) === 0n;
		return { ok: true, pa, size, perm, level, entry: at, global: (entry & G) !== 0n, clean };
	}
}

function isReserved(entry: bigint, level: number, leaf: boolean, tooWide: bigint, page1G: boolean): boolean {
	if ((entry & tooWide) !== 0n) return true;
	if (!leaf || level === 1) return false;
	if (level > 3 || (level === 3 && !page1G)) return true;
	// a huge page's address bits below its size; bit 12 is the PAT bit
	return (entry & ((1n << SHIFTS[level]) - 1n) & ~0x1fffn) !== 0n;
}

/** Why a translation with `perm`, walked or cached, refuses an access; undefined: it allows it. */
export function x86Refuses(paging: X86Paging, perm: number, access: number): "privilege" | "permission" | undefined {
	const supervisor = (access & PRIV) !== 0;
	const user = (perm & USER) !== 0;
	if (!supervisor && !user) return "privilege";
	if ((access & WRITE) !== 0 && (perm & WRITE) === 0 && (!supervisor || paging.writeProtect)) return "permission";
	if ((access & EXEC) !== 0 && ((perm & EXEC) === 0 || (supervisor && user && paging.smep))) return "permission";
	return undefined;
}

function update(memory: PhysMemory, at: bigint, value: bigint): boolean {
	return memory.write64?.(at, value) ?? false;
}
