/** The vocabulary of table walks: access bits, faults, translations. A transaction's access and a translation's permissions use the same bits. */
export const READ = 1;
export const WRITE = 2;
export const EXEC = 4;
/** in a request: it is privileged (supervisor); USER, the same bit in a translation: user accesses are allowed */
export const PRIV = 8;
export const USER = 8;

/** Why a walk ended without a translation, in terms common to all architectures. */
export type FaultKind =
	/** the input address is wider than the table translates, or not canonical */
	| "non-canonical"
	/** an entry is not present or not valid */
	| "not-present"
	/** a bit that must be zero is set, or an encoding is reserved */
	| "reserved"
	/** a table could not be read: outside memory, or refused by the second stage */
	| "table-fetch"
	/** an address in a table is wider than the output size */
	| "address-size"
	/** the access flag is clear, and hardware does not set it */
	| "access-flag"
	/** write to a read-only page, or execution of one that is not executable */
	| "permission"
	/** a user request for a supervisor page */
	| "privilege"
	/** an accessed or dirty bit could not be written */
	| "update";

export interface Translation {
	readonly ok: true;
	/** the output address of the byte itself */
	readonly pa: bigint;
	/** bytes that the leaf maps */
	readonly size: bigint;
	/** READ, WRITE, EXEC, USER */
	readonly perm: number;
	/** of the leaf: on x86 the last level (4K) is 1 and levels above count up; on Arm the last is 3 and levels above count down */
	readonly level: number;
	/** where the leaf is */
	readonly entry: bigint;
	/** shared by all address spaces (x86 G, Arm not nG) */
	readonly global: boolean;
	/** not marked dirty yet: the first write must walk again even if it is cached */
	readonly clean: boolean;
}

export interface WalkFault {
	readonly ok: false;
	readonly fault: FaultKind;
	/** the level at which it ended */
	readonly level: number;
	/** the address of the faulting entry, also if the entry cannot be read */
	readonly entry: bigint;
}

export type WalkResult = Translation | WalkFault;

export function fault(kind: FaultKind, level: number, entry: bigint): WalkFault {
	return { ok: false, fault: kind, level, entry };
}

/** A table that a walk may start from instead of the root. */
export interface WalkStart {
	/** the level whose entries the table holds */
	readonly level: number;
	readonly table: bigint;
	/** what the levels above allow */
	readonly perm: number;
}

/** The part of a paging-structure cache that walkers use. */
export interface WalkCache {
	/** the lowest cached table for an address */
	find(va: bigint): WalkStart | undefined;
	/** `shift`: log2 of the bytes that the whole table spans */
	add(va: bigint, shift: number, start: WalkStart): void;
}
