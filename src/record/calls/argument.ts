/** The struct that an ioctl is given, as long as it is, and which of its bytes a call changed. */
import type { Ioctl } from "../../../structs/index.js";
import type { TraceMemory } from "../memory.js";
import type { Call } from "../recorder.js";

/** the most bytes of a struct that are looked at: no call accepts more */
const LARGEST_STRUCT = 4096;

export interface Argument {
	readonly addr: bigint;
	readonly bytes: Buffer;
}

/** How many bytes of the argument matter: what its first field claims, and all that the kernel knows. */
function sizeOf(ioctl: Ioctl | undefined, first: number): number {
	const claimed = Math.min(Math.max(first, 4), LARGEST_STRUCT);
	return ioctl === undefined ? Math.max(claimed, 8) : Math.max(claimed, ioctl.size);
}

/** The struct of a call; undefined: its argument is a value, or no such struct is known. */
export function argumentOf(memory: TraceMemory, { args }: Call, ioctl: Ioctl | undefined): Argument | undefined {
	if (ioctl !== undefined && !ioctl.struct && ioctl.size === 0) return undefined;
	const addr = args[2];
	const known = Buffer.allocUnsafe(Math.max(ioctl?.size ?? 0, 8));
	const bytes = known.subarray(0, memory.read(addr, known));
	if (bytes.length < 4) return undefined;
	// A struct without a size in its first field is as long as it is.
	const sized = ioctl === undefined || ioctl.struct?.leaves[0]?.role === "size";
	if (!sized) return { addr, bytes: bytes.subarray(0, ioctl.size) };
	const claimed = sizeOf(ioctl, bytes.readUInt32LE(0));
	if (claimed <= known.length) return { addr, bytes };
	const all = Buffer.allocUnsafe(claimed);
	return { addr, bytes: all.subarray(0, memory.read(addr, all)) };
}

/** Bytes that stayed the same between two changes, up to which they are one. */
const GAP = 64;

/** The ranges that changed, ends exclusive, without the bytes that are left out. */
export function changes(before: Buffer, now: Buffer, leftOut: (at: number) => boolean): [from: number, to: number][] {
	const found: [number, number][] = [];
	let open = false;
	for (let at = 0; at < now.length; at++) {
		if (leftOut(at)) open = false;
		else if (now[at] !== before[at]) {
			const last = found.at(-1);
			if (open && last !== undefined && at - last[1] <= GAP) last[1] = at + 1;
			else found.push([at, at + 1]);
			open = true;
		}
	}
	return found;
}
