/** What a transaction wants, and what a translation allows: bits of one number. */
export const READ = 1;
export const WRITE = 2;
export const EXEC = 4;
/** of a request: it is privileged (supervisor). Of a translation: user accesses are allowed. */
export const PRIV = 8;
export const USER = 8;

/** Why a walk ended without a translation, in words that all architectures share. */
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
	/** the output address of the very byte */
	readonly pa: bigint;
	/** bytes that the leaf maps */
	readonly size: bigint;
	/** READ, WRITE, EXEC, USER */
	readonly perm: number;
	/** of the leaf: 1 is the last (4K on x86), counting up; on Arm 3 is the last, counting down */
	readonly level: number;
	/** where the leaf is */
	readonly entry: bigint;
	/** all address spaces share it (x86 G, Arm not nG) */
	readonly global: boolean;
	/** not marked dirty yet: a cache must let the first write walk again */
	readonly clean: boolean;
}

export interface WalkFault {
	readonly ok: false;
	readonly fault: FaultKind;
	/** the level at which it ended */
	readonly level: number;
	/** the address of the entry at fault; of a table that can not be read, too */
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

/** What a walker asks of a paging-structure cache. */
export interface WalkCache {
	/** the lowest table known for an address */
	find(va: bigint): WalkStart | undefined;
	/** `shift`: log2 of the bytes that the whole table spans */
	add(va: bigint, shift: number, start: WalkStart): void;
}
