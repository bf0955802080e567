/** A process's memory as the kernel reaches it, wherever it is. Addresses and lengths in bytes unless pages are named. */
import type { Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "./memory-object.js";

/** A stretch of one object's pages. */
export interface Extent {
	readonly object: MemoryObject;
	readonly page: number;
	readonly count: number;
}

export interface UserMemory {
	/** Copy out of memory. 0, or -EFAULT (what lies before the bad page is copied). */
	read(addr: bigint, into: Uint8Array): Ret;
	/** Copy into memory; with `force` into read-only memory too. 0, or -EFAULT: what lies before the bad page is copied. */
	write(addr: bigint, from: Uint8Array, force?: boolean): Ret;
	/** Write zeroes. 0, or -EFAULT. */
	clear(addr: bigint, length: number): Ret;
	/**
	 * Look at [addr, addr+length): `visit` gets what may be other than zero (offset from `addr`, and bytes that hold
	 * until it returns) until it answers true. 0, or -EFAULT at a bad page.
	 */
	scan(addr: bigint, length: number, visit: (offset: number, bytes: Uint8Array) => boolean): Ret;
	/** Whether all of [addr, addr+length) can be read (or written). */
	accessible(addr: bigint, length: number, prot: number): boolean;
	/**
	 * What [page, page+count) shows, as extents, for pinning. Stops at the first page that is not there or, with
	 * `write`, not writable: `extents` then covers fewer pages than asked.
	 */
	extents(page: number, count: number, write: boolean): Extent[];
}

/** The page an address is in. Addresses beyond 2^64 do not come here. */
export function pageOf(addr: bigint): number {
	return Number(addr >> 12n);
}
