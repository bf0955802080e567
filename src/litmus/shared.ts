/** The memory that the threads of a race share: where a round stands, slots, and every call's answer. */
import type { LitmusTest } from "./test.js";

/** Words of the control block. */
export const ROUND = 0;
/** 1: no further round */
export const STOP = 1;
/** threads that are ready to start */
export const READY = 2;
/** threads that have made all their calls */
export const DONE = 3;
/** threads that wait for rounds */
export const STARTED = 4;
const PER_THREAD = 5;
/** Of each thread: the call that it makes (from 1; 0: none), and how many turns it waits at the start. */
export const atWord = (thread: number): number => PER_THREAD + 2 * thread;
export const delayWord = (thread: number): number => PER_THREAD + 2 * thread + 1;

/** Where a call's answer is. */
export interface Cell {
	/** index in `rets` */
	readonly ret: number;
	readonly bytes: Uint8Array;
}

export interface Shared {
	readonly buffer: SharedArrayBuffer;
	readonly control: Int32Array;
	readonly slots: BigInt64Array;
	readonly rets: Int32Array;
	/** by thread and call */
	readonly cells: readonly (readonly Cell[])[];
	/** everything from the slots on: equal bytes are an equal outcome */
	readonly raw: Uint8Array;
}

const up = (n: number): number => (n + 7) & ~7;

/** Lays it out; in a thread with the buffer that the others have. */
export function shared(test: Pick<LitmusTest, "threads" | "slots">, buffer?: SharedArrayBuffer): Shared {
	const threads = test.threads.length;
	const slotsAt = up(4 * (PER_THREAD + 2 * threads));
	const retsAt = slotsAt + 8 * test.slots.length;
	const count = test.threads.reduce((sum, { calls }) => sum + calls.length, 0);
	let end = up(retsAt + 4 * count);
	const places = test.threads.map(({ calls }) =>
		calls.map((call) => {
			const at = end;
			end = up(end + (call.bytes?.length ?? 0));
			return { at, length: call.bytes?.length ?? 0 };
		}),
	);
	const memory = buffer ?? new SharedArrayBuffer(end);
	let ret = 0;
	return {
		buffer: memory,
		control: new Int32Array(memory, 0, PER_THREAD + 2 * threads),
		slots: new BigInt64Array(memory, slotsAt, test.slots.length),
		rets: new Int32Array(memory, retsAt, count),
		cells: places.map((of) => of.map(({ at, length }): Cell => ({ ret: ret++, bytes: new Uint8Array(memory, at, length) }))),
		raw: new Uint8Array(memory, slotsAt, end - slotsAt),
	};
}
