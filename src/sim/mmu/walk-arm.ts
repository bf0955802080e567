/** Walks Arm VMSAv8-64 stage 1 tables of every granule. */
import type { WalkObserver } from "./observe.js";
import type { PhysMemory } from "./phys-memory.js";
import { EXEC, fault, PRIV, READ, USER, type WalkCache, type WalkResult, WRITE } from "./walk.js";

/**
 * One half (TTB0 or TTB1) of an Arm stage 1 translation, VMSAv8-64 as the SMMUv3 walks it
 * (Arm ARM, D8; SMMUv3 architecture IHI0070, 5.4).
 */
export interface ArmPaging {
	/** log2 of the granule: 12, 14 or 16 */
	readonly granule: 12 | 14 | 16;
	/** bits of input address: 64 - TnSZ */
	readonly inputBits: number;
	/** bits of output address: the smaller of IPS and OAS */
	readonly outputBits: number;
	/** the first table's address */
	readonly ttb: bigint;
	/** translates the top of the address space: all bits above the input size must be 1 */
	readonly upper?: boolean;
	/** EPDn: no walks here, every address faults */
	readonly disabled?: boolean;
	/** TBIn: bits 63:56 are ignored */
	readonly ignoreTopByte?: boolean;
	/** AFFD: a clear access flag does not fault */
	readonly noAccessFault?: boolean;
	/** hardware sets access flags (HA) */
	readonly setAccess?: boolean;
	/** hardware makes a page writable if its DBM bit is set (HD) */
	readonly setDirty?: boolean;
	/** HADn: permissions in table descriptors are ignored */
	readonly flatPermissions?: boolean;
	/** WXN: writable pages are not executable */
	readonly writeImpliesNoExecute?: boolean;
	/** PAN: privileged requests may not touch user pages */
	readonly privilegedAccessNever?: boolean;
}

const VALID = 1n;
const TABLE = 2n;
const AP_USER = 0x40n;
const AP_READ_ONLY = 0x80n;
const AF = 0x400n;
const NOT_GLOBAL = 0x800n;
const DBM = 1n << 51n;
const PXN = 1n << 53n;
const UXN = 1n << 54n;
const PXN_TABLE = 1n << 59n;
const UXN_TABLE = 1n << 60n;
const AP_TABLE_NO_USER = 1n << 61n;
const AP_TABLE_READ_ONLY = 1n << 62n;

/** privileged execution, kept in a translation's permissions beside EXEC for users */
export const PRIV_EXEC = 16;

/** Translates `va` for a request of `access` (READ, WRITE, EXEC, PRIV). Levels count from 0 to 3. */
export function walkArm(
	memory: PhysMemory,
	paging: ArmPaging,
	va: bigint,
	access: number,
	cache?: WalkCache,
	observe?: WalkObserver,
): WalkResult {
	const { granule, inputBits, outputBits } = paging;
	const stride = granule - 3;
	const levels = Math.ceil((inputBits - granule) / stride);
	const first = 4 - levels;
	if (paging.disabled || !inRange(paging, va)) return fault("not-present", first, paging.ttb);

	const start = cache?.find(va);
	let level = start ? start.level : first;
	let perm = start ? start.perm : READ | WRITE | EXEC | PRIV_EXEC | USER;
	let table = start ? start.table : paging.ttb & -rootBytes(inputBits, granule, first);
	const input = BigInt.asUintN(inputBits, va);

	for (; ; level++) {
		const shift = BigInt(granule + stride * (3 - level));
		// the input has no bits above the first table's index, so it needs no narrower mask
		const index = BigInt.asUintN(level === first ? 64 : stride, input >> shift);
		const at = table + (index << 3n);
		const entry = memory.read64(at);
		observe?.entry(level, at, entry);
		if (entry === undefined) return fault("table-fetch", level, at);
		if ((entry & VALID) === 0n) return fault("not-present", level, at);
		const isTable = level < 3 && (entry & TABLE) !== 0n;
		// a block at the last level, or where blocks are not allowed: reserved, so not a translation
		if (level === 3 ? (entry & TABLE) === 0n : !isTable && !blockAllowed(granule, level)) return fault("not-present", level, at);
		const address = outputAddress(entry, isTable ? BigInt(granule) : shift, granule, outputBits);
		if (address >> BigInt(outputBits) !== 0n) return fault("address-size", level, at);
		if (isTable) {
			if (!paging.flatPermissions) perm = tablePermissions(entry, perm);
			table = address;
			cache?.add(va, Number(shift), { level: level + 1, table, perm });
			continue;
		}
		return leaf(memory, paging, { entry, at, level, shift, address, perm, va, access });
	}
}

interface Leaf {
	readonly entry: bigint;
	readonly at: bigint;
	readonly level: number;
	readonly shift: bigint;
	readonly address: bigint;
	readonly perm: number;
	readonly va: bigint;
	readonly access: number;
}

function leaf(memory: PhysMemory, paging: ArmPaging, it: Leaf): WalkResult {
	const { at, level, shift, address, va, access } = it;
	let entry = it.entry;
	let perm = it.perm;
	if ((entry & AF) === 0n && !paging.noAccessFault) {
		if (!paging.setAccess) return fault("access-flag", level, at);
		entry |= AF;
	}
	// with hardware dirty state, a read-only page that carries DBM is a clean writable one
	const clean = paging.setDirty && (entry & (DBM | AP_READ_ONLY)) === (DBM | AP_READ_ONLY);
	if ((entry & AP_READ_ONLY) !== 0n && !clean) perm &= ~WRITE;
	if ((entry & AP_USER) === 0n) perm &= ~USER;
	if ((entry & UXN) !== 0n) perm &= ~EXEC;
	if ((entry & PXN) !== 0n) perm &= ~PRIV_EXEC;
	// what users may write is never executed with privilege (IHI0070, 5.4: all EL0-writable regions are treated as PXN)
	if ((perm & (USER | WRITE)) === (USER | WRITE)) perm &= ~PRIV_EXEC;
	if (paging.writeImpliesNoExecute && (perm & WRITE) !== 0) perm &= ~(EXEC | PRIV_EXEC);
	if (!armAllows(paging, perm, access)) return fault("permission", level, at);
	if (clean && (access & WRITE) !== 0) entry &= ~AP_READ_ONLY;
	if (entry !== it.entry && !(memory.write64?.(at, entry) ?? false)) return fault("update", level, at);
	const size = 1n << shift;
	const pa = address | (va & (size - 1n));
	const stillClean = clean === true && (access & WRITE) === 0;
	return { ok: true, pa, size, perm, level, entry: at, global: (entry & NOT_GLOBAL) === 0n, clean: stillClean };
}

/** Size of the first table in bytes, to which its address is aligned. */
function rootBytes(inputBits: number, granule: number, first: number): bigint {
	return 8n << BigInt(inputBits - (granule + (granule - 3) * (3 - first)));
}

function inRange(paging: ArmPaging, va: bigint): boolean {
	const width = paging.ignoreTopByte ? 56 : 64;
	const top = BigInt.asUintN(width, va) >> BigInt(paging.inputBits);
	return top === (paging.upper ? (1n << BigInt(width - paging.inputBits)) - 1n : 0n);
}

/** 4K: 1 GiB and 2 MiB; 16K: 32 MiB; 64K: 512 MiB. */
function blockAllowed(granule: number, level: number): boolean {
	return level === 2 || (granule === 12 && level === 1);
}

function outputAddress(entry: bigint, shift: bigint, granule: number, outputBits: number): bigint {
	const low = BigInt.asUintN(48, entry) & ~((1n << shift) - 1n);
	// 64K tables put address bits 51:48 into bits 15:12
	if (granule === 16 && outputBits > 48) return low | (((entry >> 12n) & 0xfn) << 48n);
	return low;
}

function tablePermissions(entry: bigint, perm: number): number {
	if ((entry & AP_TABLE_READ_ONLY) !== 0n) perm &= ~WRITE;
	if ((entry & AP_TABLE_NO_USER) !== 0n) perm &= ~USER;
	if ((entry & UXN_TABLE) !== 0n) perm &= ~EXEC;
	if ((entry & PXN_TABLE) !== 0n) perm &= ~PRIV_EXEC;
	return perm;
}

/** Whether a translation with `perm`, walked or cached, allows an access. */
export function armAllows(paging: ArmPaging, perm: number, access: number): boolean {
	const privileged = (access & PRIV) !== 0;
	const user = (perm & USER) !== 0;
	if (!privileged && !user) return false;
	if (privileged && user && paging.privilegedAccessNever && (access & EXEC) === 0) return false;
	if ((access & WRITE) !== 0 && (perm & WRITE) === 0) return false;
	return (access & EXEC) === 0 || (perm & (privileged ? PRIV_EXEC : EXEC)) !== 0;
}
