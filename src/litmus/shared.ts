/** The memory that the threads and processes of a race share: where a round stands, slots, and every call's answer. */
import type { Call, LitmusTest } from "./test.js";

/** Words of the control block. */
export const ROUND = 0;
/** 1: no further round */
export const STOP = 1;
/** who is ready to start */
export const READY = 2;
/** who has made all calls */
export const DONE = 3;
/** who waits for rounds */
export const STARTED = 4;
/** processes that have given back what a round gave them */
export const LEFT = 5;
/** the call of the setup that is being made, from 1; of `finally`, minus that; 0: none */
export const LEADING = 6;
/** an errno for which a process cannot take part */
export const PROBLEM = 7;
/** who sleeps, and has to be woken */
export const SLEEPERS = 8;
const FIRST_THREAD = 9;
/** Of each thread: the call that it makes (from 1; 0: none), and how many turns it waits at the start. */
export const atWord = (thread: number): number => FIRST_THREAD + 2 * thread;
export const delayWord = (thread: number): number => FIRST_THREAD + 2 * thread + 1;

/** Sleeping until a word of the control block changes. */
export interface Signal {
	/** Returns if the word has another value, when it is woken, or after `ms`. */
	wait(word: number, value: number, ms: number): void;
	/** Wakes all who wait for the word. */
	wake(word: number): void;
}

/** What a race needs to know of its test; it is handed to every thread. */
export type Raceable = Pick<LitmusTest, "setup" | "threads" | "finally" | "slots" | "setupSlots">;

/** Where a call's answer is. */
export interface Cell {
	/** index in `rets` */
	readonly ret: number;
	readonly bytes: Uint8Array;
}

export interface Shared {
	readonly control: Int32Array;
	readonly slots: BigInt64Array;
	readonly rets: Int32Array;
	/** by thread and call; those of `finally` come last */
	readonly cells: readonly (readonly Cell[])[];
	/** everything from the slots on: equal bytes are an equal outcome */
	readonly raw: Uint8Array;
}

const up = (n: number): number => (n + 7) & ~7;

interface Layout {
	readonly slotsAt: number;
	readonly retsAt: number;
	readonly count: number;
	readonly places: readonly (readonly { at: number; length: number }[])[];
	readonly size: number;
}

function layout({ threads, finally: last, slots }: Raceable): Layout {
	const parts: readonly (readonly Call[])[] = [...threads, last].map(({ calls }) => calls);
	const slotsAt = up(4 * (FIRST_THREAD + 2 * threads.length));
	const retsAt = slotsAt + 8 * slots.length;
	const count = parts.reduce((sum, calls) => sum + calls.length, 0);
	let size = up(retsAt + 4 * count);
	const places = parts.map((calls) =>
		calls.map((call) => {
			const at = size;
			const length = call.bytes?.length ?? 0;
			size = up(size + length);
			return { at, length };
		}),
	);
	return { slotsAt, retsAt, count, places, size };
}

/** Bytes that a test's race shares. */
export const sharedSize = (test: Raceable): number => layout(test).size;

/** What stands where. @param memory `sharedSize` bytes, zeroed before the first one looks */
export function shared(test: Raceable, memory: Uint8Array): Shared {
	const { slotsAt, retsAt, count, places, size } = layout(test);
	const { buffer, byteOffset } = memory;
	let ret = 0;
	return {
		control: new Int32Array(buffer, byteOffset, FIRST_THREAD + 2 * test.threads.length),
		slots: new BigInt64Array(buffer, byteOffset + slotsAt, test.slots.length),
		rets: new Int32Array(buffer, byteOffset + retsAt, count),
		cells: places.map((of) => of.map(({ at, length }): Cell => ({ ret: ret++, bytes: new Uint8Array(buffer, byteOffset + at, length) }))),
		raw: new Uint8Array(buffer, byteOffset + slotsAt, size - slotsAt),
	};
}
