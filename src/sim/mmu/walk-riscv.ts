/** Walks RISC-V page tables of three to five levels: Sv39, Sv48 and Sv57. */
import { RISCV_PTE } from "../../formats/riscv/page-tables.js";
import { maskOf, reservedOf } from "../../formats/words.js";
import type { WalkObserver } from "./observe.js";
import type { PhysMemory } from "./phys-memory.js";
import { EXEC, type FaultKind, fault, PRIV, READ, USER, type WalkCache, type WalkResult, WRITE } from "./walk.js";

/** A first stage of the RISC-V IOMMU, and how it looks at entries (RISC-V Privileged Architecture, 12.3.2). */
export interface RiscvPaging {
	/** 3: Sv39, 4: Sv48, 5: Sv57 */
	readonly levels: 3 | 4 | 5;
	/** the root table's address */
	readonly root: bigint;
	/** hardware sets A and D (SADE); if false, an entry without them faults */
	readonly setsAccessed: boolean;
	/** supervisors may read and write users' pages (SUM) */
	readonly supervisorUserAccess: boolean;
	/** entries may choose a memory type (Svpbmt) */
	readonly memoryTypes: boolean;
	/** bits 60 and 59 of entries are software's (Svrsw60t59b) */
	readonly softwareBits: boolean;
}

const bit = (name: keyof typeof RISCV_PTE) => maskOf(RISCV_PTE, [name]);
const V = bit("v");
const R = bit("r");
const W = bit("w");
const X = bit("x");
const U = bit("u");
const G = bit("g");
const A = bit("a");
const D = bit("d");
const N = bit("n");
const PBMT = bit("pbmt");
const RESERVED = reservedOf(RISCV_PTE);
const SOFTWARE = 3n << 59n;
const PPN_MASK = (1n << 44n) - 1n;
/** contiguous pages that N makes a translation of (Svnapot): 64 KiB, whose PPN ends in 1000 */
const NAPOT_SHIFT = 16n;

/** Translates `va` for a request of `access` (READ, WRITE, EXEC, PRIV). Levels count from 0 (4 KiB) up, as the specification counts them. */
export function walkRiscv(
	memory: PhysMemory,
	paging: RiscvPaging,
	va: bigint,
	access: number,
	cache?: WalkCache,
	observe?: WalkObserver,
): WalkResult {
	const { levels, root } = paging;
	const top = BigInt(12 + 9 * levels - 1);
	const upper = va >> top;
	// all bits above the top one are copies of it
	if (upper !== 0n && upper !== (1n << (64n - top)) - 1n) return fault("non-canonical", levels - 1, root);

	const start = cache?.find(va);
	let level = start ? start.level : levels - 1;
	let table = start ? start.table : root;
	let global = start ? (start.perm & GLOBAL) !== 0 : false;
	for (; ; level--) {
		const shift = BigInt(12 + 9 * level);
		const at = table + (((va >> shift) & 0x1ffn) << 3n);
		const entry = memory.read64(at);
		observe?.entry(level, at, entry);
		if (entry === undefined) return fault("table-fetch", level, at);
		if ((entry & V) === 0n) return fault("not-present", level, at);
		if (isReserved(paging, entry)) return fault("reserved", level, at);
		if ((entry & G) !== 0n) global = true;
		if ((entry & (R | W | X)) === 0n) {
			// a pointer to the next table: nothing else may be set, and the last level has none
			if ((entry & (U | A | D | N | PBMT)) !== 0n) return fault("reserved", level, at);
			if (level === 0) return fault("not-present", level, at);
			table = ppnOf(entry) << 12n;
			cache?.add(va, Number(shift), { level: level - 1, table, perm: ALL | (global ? GLOBAL : 0) });
			continue;
		}
		return leaf(memory, paging, { entry, at, level, shift, va, access, global });
	}
}

/** what a table leaves to its entries: everything; pointers only hand G down */
const ALL = READ | WRITE | EXEC | USER;
/** in a cached table's permissions: everything below is global */
const GLOBAL = 32;

interface Leaf {
	readonly entry: bigint;
	readonly at: bigint;
	readonly level: number;
	readonly shift: bigint;
	readonly va: bigint;
	readonly access: number;
	readonly global: boolean;
}

function leaf(memory: PhysMemory, paging: RiscvPaging, { entry, at, level, shift, va, access, global }: Leaf): WalkResult {
	const ppn = ppnOf(entry);
	const napot = (entry & N) !== 0n;
	if (napot && (level !== 0 || (ppn & 0xfn) !== 8n)) return fault("reserved", level, at);
	// a large page that is not aligned
	if ((ppn & ((1n << (shift - 12n)) - 1n)) !== 0n) return fault("reserved", level, at);
	const perm = permOf(entry);
	const refused = riscvRefuses(paging, perm, access);
	if (refused) return fault(refused, level, at);
	const wanted = (access & WRITE) !== 0 ? A | D : A;
	if ((entry & wanted) !== wanted) {
		if (!paging.setsAccessed) return fault("access-flag", level, at);
		if (!(memory.write64?.(at, entry | wanted) ?? false)) return fault("update", level, at);
	}
	const span = napot ? NAPOT_SHIFT : shift;
	const size = 1n << span;
	const pa = ((ppn << 12n) & ~(size - 1n)) | (va & (size - 1n));
	const clean = ((entry | wanted) & D) === 0n;
	return { ok: true, pa, size, perm, level, entry: at, global, clean };
}

const ppnOf = (entry: bigint): bigint => (entry >> 10n) & PPN_MASK;

function permOf(entry: bigint): number {
	return (
		((entry & R) !== 0n ? READ : 0) | ((entry & W) !== 0n ? WRITE : 0) | ((entry & X) !== 0n ? EXEC : 0) | ((entry & U) !== 0n ? USER : 0)
	);
}

/** Encodings that no entry may have: W without R, memory types without Svpbmt, bits that have no meaning yet. */
function isReserved({ memoryTypes, softwareBits }: RiscvPaging, entry: bigint): boolean {
	if ((entry & (softwareBits ? RESERVED & ~SOFTWARE : RESERVED)) !== 0n) return true;
	if ((entry & (R | W)) === W) return true;
	const type = entry & PBMT;
	return type === PBMT || (type !== 0n && !memoryTypes);
}

/** Why a translation with `perm`, walked or cached, refuses an access; undefined: it allows it. */
export function riscvRefuses(paging: RiscvPaging, perm: number, access: number): FaultKind | undefined {
	const supervisor = (access & PRIV) !== 0;
	const user = (perm & USER) !== 0;
	if (!supervisor && !user) return "privilege";
	if (supervisor && user && (!paging.supervisorUserAccess || (access & EXEC) !== 0)) return "privilege";
	const wanted = access & (READ | WRITE | EXEC);
	// execution is a read of its own kind: X alone decides
	const needed = (wanted & EXEC) !== 0 ? wanted & ~READ : wanted;
	return (perm & needed) === needed ? undefined : "permission";
}
