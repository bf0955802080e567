/** Calls of a trace with their numbers and bytes decoded, for lines that are replayed again and again. */
import { recordedRet } from "./answer.js";
import { knownErrno } from "./errno-names.js";
import type { FdMap, IoctlStep, PeekStep, PokeStep, Step } from "./format.js";
import { requestNumber } from "./requests.js";
import { Slab } from "./slab.js";

/** Longer ones are decoded each time. */
const LONGEST = 4096;

/** Holds the bytes of all prepared calls. */
export const slab = new Slab();

/** A file descriptor in a struct: its offset, and the name of its file. */
export interface FdAt {
	readonly at: number;
	readonly name: string;
}

/** No file descriptors. */
export const NO_FDS: readonly FdAt[] = [];

/** An ioctl with a struct. */
export class PreparedIoctl {
	readonly kind = "ioctl";

	constructor(
		readonly fd: string,
		readonly request: number,
		/** as recorded */
		readonly ret: number,
		/** bytes of the struct */
		readonly length: number,
		/** has the struct at `arg`, and what it should be after the call at `out` */
		readonly kept: DataView,
		readonly arg: number,
		readonly out: number,
		/** passed in, and opened by the call */
		readonly fdsIn: readonly FdAt[] = NO_FDS,
		readonly fdsOut: readonly FdAt[] = NO_FDS,
	) {}
}

/** A peek or poke: `length` bytes that stand in `kept` at `at`, and those in memory at `addr`. */
export class PreparedMemory {
	constructor(
		readonly kind: "peek" | "poke",
		readonly addr: bigint,
		readonly length: number,
		readonly kept: DataView,
		readonly at: number,
	) {}
}

export type PreparedCall = PreparedIoctl | PreparedMemory;

/** A step's call; undefined if it is made as it stands in the trace. Throws FieldError for a request that does not exist. */
export function prepared(step: Step): PreparedCall | undefined {
	if (step.process !== undefined || step.pending) return undefined;
	if (step.op === "ioctl") return ioctl(step);
	return step.op === "peek" || step.op === "poke" ? memory(step) : undefined;
}

function ioctl(step: IoctlStep): PreparedIoctl | undefined {
	const { fd, arg, out } = step;
	const simple = step.masked === undefined && step.fail_nth === undefined && step.ret_fd === undefined;
	if (arg === undefined || arg.length > 2 * LONGEST || !simple) return undefined;
	// What is wrong with a name is said when the call is made.
	if (step.errno !== undefined && knownErrno(step.errno) === undefined) return undefined;
	const request = requestNumber(step.request);
	const length = arg.length >> 1;
	slab.room(2 * length);
	const before = decoded(arg);
	const after = out === undefined || out === arg ? before : decoded(out);
	return new PreparedIoctl(fd, request, recordedRet(step), length, slab.view, before, after, fdsOf(step.fd_in), fdsOf(step.fd_out));
}

/** The file descriptors of a step's struct. */
export function fdsOf(fds: FdMap | undefined): readonly FdAt[] {
	return fds === undefined ? NO_FDS : Object.entries(fds).map(([offset, name]) => ({ at: Number(offset), name }));
}

function memory({ op, addr, data }: PeekStep | PokeStep): PreparedMemory | undefined {
	if (data.length > 2 * LONGEST) return undefined;
	const length = data.length >> 1;
	slab.room(length);
	return new PreparedMemory(op, BigInt(addr), length, slab.view, decoded(data));
}

/** Keeps the bytes that hex stands for. */
function decoded(hex: string): number {
	const at = slab.used;
	slab.used += slab.bytes.write(hex, at, "hex");
	return at;
}
