/** The kernel's interface to a process's memory, wherever that is. Addresses and lengths are in bytes unless said to be in pages. */
import type { Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "./memory-object.js";

/** A range of one object's pages. */
export interface Extent {
	readonly object: MemoryObject;
	readonly page: number;
	readonly count: number;
}

export interface UserMemory {
	/** its program has ended, or executed another one: nothing is mapped any more */
	readonly gone?: boolean;
	/** Copy out of memory. 0, or -EFAULT (everything before the bad page is copied). */
	read(addr: bigint, into: Uint8Array): Ret;
	/** Copy into memory, with `force` even if it is read-only. 0, or -EFAULT (everything before the bad page is copied). */
	write(addr: bigint, from: Uint8Array, force?: boolean): Ret;
	/** Write zeroes. 0, or -EFAULT. */
	clear(addr: bigint, length: number): Ret;
	/**
	 * Visit the parts of [addr, addr+length) that may be other than zero. `visit` gets the offset from `addr` and the
	 * bytes, which are valid until it returns, until it answers true. 0, or -EFAULT at a bad page.
	 */
	scan(addr: bigint, length: number, visit: (offset: number, bytes: Uint8Array) => boolean): Ret;
	/** Whether an access of the page waits until the program serves it. */
	isMissing?(page: number): boolean;
	/** How many mappings of the object can never be made writable. */
	mappingsThatCannotWrite?(object: MemoryObject): number;
	/** Whether all of [addr, addr+length) can be read (or written). */
	accessible(addr: bigint, length: number, prot: number): boolean;
	/**
	 * The extents behind [page, page+count), for pinning. Stops at the first page that is not mapped or, with
	 * `write`, not writable: `extents` then covers fewer pages than requested.
	 */
	extents(page: number, count: number, write: boolean): Extent[];
	/**
	 * Counts pages that are pinned against the limit of locked memory of the memory's owner. How many of them count: none if it has no
	 * limit. undefined: they are too many, and nothing is counted. Absent: there are no limits.
	 */
	lock?(pages: number): number | undefined;
	/** Pages that counted do no more. */
	unlock?(pages: number): void;
}

/** The page that contains an address, which must be below 2^64. */
export function pageOf(addr: bigint): number {
	return Number(addr >> 12n);
}
