/** A compiled litmus test: calls whose files, IDs and values come from slots. */

/** One number of a call's bytes that comes from a slot, or goes into one. */
export interface Place {
	/** bytes from the start of the call's bytes */
	readonly offset: number;
	readonly size: 4 | 8;
	readonly slot: number;
}

type Op =
	| ("open" | "close" | "ioctl" | "read" | "write" | "pread" | "pwrite" | "poll" | "mmap" | "munmap" | "memfd" | "poke" | "peek")
	| ("mprotect" | "madvise" | "mremap" | "seal" | "truncate" | "userfaultfd");

/** One system call; it is atomic on the simulated kernel. */
export interface Call {
	readonly op: Op;
	/** which line of its thread it belongs to, from 0 */
	readonly line: number;
	/** slot of the file that it is made on */
	readonly file?: number;
	/** slot of the file that it returns */
	readonly makes?: number;
	/** an ioctl's number and its name, where it has one */
	readonly request?: number;
	readonly name?: string;
	/** an ioctl's struct or what is written; of a read: as many zeroes as it asks for */
	readonly bytes?: Uint8Array;
	/** an ioctl's argument that is no struct; advice, seals, the new address of memory that moves */
	readonly value?: bigint;
	readonly addr?: bigint;
	/** bytes */
	readonly length?: number;
	/** in a file, bytes; the new length of memory, or of a file */
	readonly offset?: bigint;
	readonly prot?: number;
	/** bytes of huge pages */
	readonly pageSize?: number;
	readonly populate?: boolean;
	/** of a poll */
	readonly events?: number;
	readonly path?: string;
	/** filled before the call */
	readonly puts: readonly Place[];
	/** kept after a call that succeeded */
	readonly takes: readonly Place[];
}

/** A line of the file. */
export interface Line {
	/** in the file, from 1 */
	readonly line: number;
	readonly source: string;
}

/** Calls in order, with the lines that they come from. */
export interface Part {
	readonly name: string;
	/** of a thread: it is a process of its own, which has the setup's files and a copy of its memory, and ends before `finally` */
	readonly process?: boolean;
	readonly lines: readonly Line[];
	readonly calls: readonly Call[];
}

/** What a slot holds, and what it holds before anything is known: -1 for a file, else 0. */
export interface Slot {
	readonly name: string;
	readonly kind: "file" | "id" | "value";
}

export interface LitmusTest {
	readonly file: string;
	/** its subject: the first sentence of its first comment */
	readonly about: string;
	/** before the threads; every one of its calls must succeed */
	readonly setup: Part;
	/** at least two */
	readonly threads: readonly Part[];
	/** after the threads */
	readonly finally: Part;
	readonly slots: readonly Slot[];
	/** how many slots the setup fills: these come first */
	readonly setupSlots: number;
}

/** Slots before a round. */
export function emptySlots(test: LitmusTest, into: BigInt64Array = new BigInt64Array(test.slots.length)): BigInt64Array {
	for (const [at, { kind }] of test.slots.entries()) into[at] = kind === "file" ? -1n : 0n;
	return into;
}
