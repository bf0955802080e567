/** The trace format: JSON Lines, one program after another. */
// A header line, then for each program `{"program":NAME}`, its steps, and `{"op":"end"}`; see docs/traces.md.
export const TRACE_VERSION = 1;

/** The first line. Its other fields describe the machine (`iommu`, `devices`, `hw_info`, ...). */
export interface TraceHeader {
	readonly trace: "iommufd";
	readonly version: number;
	readonly kernel?: string;
	/** the release that answered, such as `6.12`; absent: the current one, or not known */
	readonly uapi?: string;
	readonly suite?: string;
	readonly [key: string]: unknown;
}

/** An address or another 64-bit number: "0x..." or, where exact, a JSON number. */
export type TraceNumber = string | number;

/** What a call answered: `errno` (the C name) goes with `ret` -1. */
export interface RecordedRet {
	readonly ret: number;
	readonly errno?: string;
}

export interface OpenStep extends Partial<RecordedRet> {
	readonly op: "open";
	readonly path: string;
	/** absent if the open failed */
	readonly fd?: string;
	/** the kernel's `fail_nth`th allocation in this call (from 1) was made to fail */
	readonly fail_nth?: number;
}

export interface CloseStep {
	readonly op: "close";
	readonly fd: string;
}

export interface MemfdStep {
	readonly op: "memfd";
	readonly fd: string;
	readonly length: number;
	/** bytes of its pages, if they are huge (hugetlb) */
	readonly page_size?: number;
}

export interface EventfdStep {
	readonly op: "eventfd";
	readonly fd: string;
	/** what it counts from */
	readonly count: number;
}

export interface MmapStep {
	readonly op: "mmap";
	readonly addr: TraceNumber;
	readonly length: number;
	/** "r", "w", "rw" or "none" */
	readonly prot: string;
	/** the file that is mapped; absent for private anonymous memory */
	readonly memfd?: string;
	readonly offset?: TraceNumber;
	/** bytes of anonymous memory's pages, if they are huge */
	readonly page_size?: number;
	/** its pages were brought in at once */
	readonly populate?: true;
}

/** Seals of a memory file: nothing takes them off again. */
export interface SealStep extends RecordedRet {
	readonly op: "seal";
	readonly fd: string;
	/** F_SEAL_ numbers */
	readonly seals: number;
}

/** A memory file gets another length. */
export interface TruncateStep extends RecordedRet {
	readonly op: "truncate";
	readonly fd: string;
	readonly length: number;
}

/** A file by whose ioctls the program serves faults of its memory. */
export interface UserfaultfdStep {
	readonly op: "userfaultfd";
	readonly fd: string;
}

export interface MprotectStep {
	readonly op: "mprotect";
	readonly addr: TraceNumber;
	readonly length: number;
	/** "r", "w", "rw" or "none" */
	readonly prot: string;
}

export interface MadviseStep {
	readonly op: "madvise";
	readonly addr: TraceNumber;
	readonly length: number;
	/** MADV_ by its number */
	readonly advice: number;
}

/** Memory that got another length, another place, or both. */
export interface MremapStep {
	readonly op: "mremap";
	readonly addr: TraceNumber;
	readonly length: number;
	readonly new_addr: TraceNumber;
	readonly new_length: number;
}

export interface MunmapStep {
	readonly op: "munmap";
	readonly addr: TraceNumber;
	readonly length: number;
}

export interface PokeStep {
	readonly op: "poke";
	readonly addr: TraceNumber;
	readonly data: string;
}

export interface PeekStep {
	readonly op: "peek";
	readonly addr: TraceNumber;
	readonly length: number;
	readonly data: string;
}

/** struct offset (decimal) -> name of a file whose descriptor is in the four bytes there */
export type FdMap = Readonly<Record<string, string>>;

export interface IoctlStep extends RecordedRet {
	readonly op: "ioctl";
	readonly fd: string;
	/** a name of the uAPI, or a number as "0x3b99" */
	readonly request: string;
	/** hex; exactly one of arg, arg_addr and arg_value is present */
	readonly arg?: string;
	readonly arg_addr?: TraceNumber;
	readonly arg_value?: TraceNumber;
	readonly fd_in?: FdMap;
	readonly fd_out?: FdMap;
	/** the call returned a file, known by this name from then on; `ret` is recorded as 0 */
	readonly ret_fd?: string;
	/** fields that differ from run to run, recorded as 0 */
	readonly masked?: readonly string[];
	/** hex; absent if the bytes are the same as in `arg` */
	readonly out?: string;
	/** the kernel's `fail_nth`th allocation in this call (from 1) was made to fail */
	readonly fail_nth?: number;
}

export interface ReadStep extends RecordedRet {
	readonly op: "read";
	readonly fd: string;
	readonly length: number;
	readonly data?: string;
	/** read into the program's memory at this address (in iommuctl's own recordings) */
	readonly addr?: TraceNumber;
}

export interface WriteStep extends RecordedRet {
	readonly op: "write";
	readonly fd: string;
	readonly data?: string;
	/** write from the program's memory: `addr` and `length` instead of `data` */
	readonly addr?: TraceNumber;
	readonly length?: number;
}

export interface PreadStep extends Omit<ReadStep, "op"> {
	readonly op: "pread";
	readonly offset: TraceNumber;
}

export interface PwriteStep extends Omit<WriteStep, "op"> {
	readonly op: "pwrite";
	readonly offset: TraceNumber;
}

export type PollName = "in" | "out" | "err" | "hup" | "nval";

export interface PollStep {
	readonly op: "poll";
	readonly fd: string;
	readonly revents: readonly PollName[];
	/** requested events; default: in and out */
	readonly events?: readonly PollName[];
}

export interface DmaStep {
	readonly op: "dma";
	readonly fd: string;
	readonly dir: "read" | "write";
	readonly iova: TraceNumber;
	readonly length: number;
	/** offset in the device's own buffer; default 0 */
	readonly buf?: number;
	/** the IOMMU's records, 32 bytes of hex each; absent: not recorded */
	readonly events?: readonly string[];
}

/** The program gets a child, with its open files and a copy of its memory. */
export interface ForkStep {
	readonly op: "fork";
	/** the child's name, which its steps have as `process` */
	readonly process: string;
	/** the child that it is a child of; absent: the program's own */
	readonly parent?: string;
}

/** The child ends. */
export interface ExitStep {
	readonly op: "exit";
	readonly process: string;
}

/**
 * Everything that a program does, except its `end`, which the reader handles. `process`: the child that does it.
 * `pending`: the call had not returned when the recording ended; its answer, `ret` 0, is not known.
 * `time` and `duration`: when it was made and how long it took, in microseconds from a fixed moment; never compared.
 */
export type Step = (
	| ForkStep
	| ExitStep
	| OpenStep
	| CloseStep
	| MemfdStep
	| EventfdStep
	| SealStep
	| TruncateStep
	| UserfaultfdStep
	| MmapStep
	| MunmapStep
	| MprotectStep
	| MadviseStep
	| MremapStep
	| PokeStep
	| PeekStep
	| IoctlStep
	| ReadStep
	| WriteStep
	| PreadStep
	| PwriteStep
	| PollStep
	| DmaStep
) &
	Circumstances;

/** Who made a step's call, and when: what a recording of another program may have. */
export interface Circumstances {
	readonly process?: string;
	readonly pending?: true;
	/** which of the process's threads, numbered from 1 in the order of their first calls; absent: the first */
	readonly thread?: number;
	/** microseconds from the first recorded call to the call's start */
	readonly time?: number;
	/** microseconds until it returned */
	readonly duration?: number;
}

/**
 * Whether a step recorded an answer, so that replay counts it: every ioctl, read, write, pread,
 * pwrite, poll, peek, seal and truncate; a dma with `events`; an open that failed. The others only prepare for them.
 */
export function hasAnswer(step: Step): boolean {
	if (step.pending) return false;
	switch (step.op) {
		case "ioctl":
		case "read":
		case "write":
		case "pread":
		case "pwrite":
		case "poll":
		case "peek":
		case "seal":
		case "truncate":
			return true;
		case "dma":
			return step.events !== undefined;
		case "open":
			return step.ret !== undefined;
		default:
			return false;
	}
}
