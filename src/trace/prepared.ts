/** Calls of a trace with their numbers and bytes decoded, for lines that are replayed again and again. */
import { recordedRet } from "./answer.js";
import type { IoctlStep, PeekStep, PokeStep, Step } from "./format.js";
import { requestNumber } from "./requests.js";

/** Longer ones are decoded each time. */
const LONGEST = 4096;
const SLAB = 1 << 16;

/** Decoded hex stands one after another in large buffers: a buffer for each would cost more than its bytes. */
let slab = Buffer.allocUnsafeSlow(SLAB);
let used = 0;

function decoded(hex: string): number {
	const at = used;
	used += slab.write(hex, at, "hex");
	return at;
}

/** Makes room in `slab` for so many bytes. */
function room(bytes: number): Buffer {
	if (used + bytes > SLAB) {
		slab = Buffer.allocUnsafeSlow(SLAB);
		used = 0;
	}
	return slab;
}

/** An ioctl with a struct in which no file descriptors are replaced. */
export class PreparedIoctl {
	readonly fd: string;
	readonly request: number;
	/** as recorded */
	readonly ret: number;
	/** bytes of the struct */
	readonly length: number;
	/** holds the struct at `arg`, and what it should be after the call at `out` */
	readonly bytes: Buffer;
	readonly arg: number;
	readonly out: number;

	constructor(step: IoctlStep, arg: string) {
		this.fd = step.fd;
		this.request = requestNumber(step.request);
		this.ret = recordedRet(step);
		this.length = arg.length >> 1;
		this.bytes = room(2 * this.length);
		this.arg = decoded(arg);
		this.out = step.out === undefined || step.out === arg ? this.arg : decoded(step.out);
	}
}

/** A peek or poke: `length` bytes that stand in `bytes` at `at`, and those in memory at `addr`. */
export class PreparedMemory {
	readonly addr: bigint;
	readonly length: number;
	readonly bytes: Buffer;
	readonly at: number;

	constructor(
		step: PeekStep | PokeStep,
		readonly peek: boolean,
	) {
		this.addr = BigInt(step.addr);
		this.length = step.data.length >> 1;
		this.bytes = room(this.length);
		this.at = decoded(step.data);
	}
}

/** A step that is made as it stands in the trace. */
export const unprepared = { kind: "unprepared" } as const;

export type Prepared = PreparedIoctl | PreparedMemory | typeof unprepared;

/** Decodes what can be decoded once for all times that a step is made. Throws FieldError for a request that does not exist. */
export function prepared(step: Step): Prepared {
	if (step.process !== undefined || step.pending) return unprepared;
	if (step.op === "ioctl") {
		const { arg } = step;
		const simple = step.fd_in === undefined && step.fd_out === undefined && step.masked === undefined;
		if (arg === undefined || arg.length > 2 * LONGEST || !simple || step.fail_nth !== undefined || step.ret_fd !== undefined)
			return unprepared;
		return new PreparedIoctl(step, arg);
	}
	if ((step.op === "peek" || step.op === "poke") && step.data.length <= 2 * LONGEST) return new PreparedMemory(step, step.op === "peek");
	return unprepared;
}
