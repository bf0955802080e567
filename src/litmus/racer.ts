/** What each thread of a race does, the leading one apart: waits for a round, starts with the others, makes its calls. */
import type { Kernel } from "../kernel/kernel.js";
import { type Prepared, prepare } from "./make.js";
import {
	atWord,
	DONE,
	delayWord,
	LEFT,
	PROBLEM,
	type Raceable,
	READY,
	ROUND,
	type Shared,
	type Signal,
	SLEEPERS,
	STARTED,
	STOP,
	shared,
} from "./shared.js";
import type { Call } from "./test.js";

/** What a thread is started with. */
export interface RacerData {
	readonly test: Raceable;
	/** which of the test's threads it is */
	readonly thread: number;
	/** fewer CPUs than threads: nobody spins for long */
	readonly crowded: boolean;
}

/** A process of its own: in every round it gets the files and the memory of the one that leads. */
export interface Guest {
	/** Gets what a round's setup has made. @returns 0 or minus the errno @param slots those of the leading process; `own` gets this one's */
	enter(kernel: Kernel, slots: BigInt64Array, own: BigInt64Array): number;
	/** Gives all of it back. */
	leave(kernel: Kernel): void;
}

/** Looks for a round this often before the thread sleeps: longer than a setup takes, and shorter where others need the CPU. */
const LOOKS = 20_000;
const CROWDED_LOOKS = 200;

/** How often to look: less where that did not help the last times, as whoever is waited for may need this CPU. */
export class Looks {
	readonly #most: number;
	count: number;

	constructor(crowded: boolean) {
		this.#most = crowded ? CROWDED_LOOKS : LOOKS;
		this.count = this.#most;
	}

	helped(did: boolean): void {
		this.count = did ? Math.min(2 * this.count, this.#most) : Math.max(this.count >> 1, CROWDED_LOOKS);
	}
}

/** Looks this often whether the others are ready. */
const TURNS = 20_000;
/** A kernel of this process remembers the files that were opened through it: after so many rounds there is a new one. */
const ROUNDS_PER_KERNEL = 1000;
/** ms that a sleeping thread sleeps at most */
const NAP = 1000;

/** Races until told to stop. @param fresh a view of this process's kernel that knows the test's memory */
export function race({ test, thread, crowded }: RacerData, memory: Uint8Array, signal: Signal, fresh: () => Kernel, guest?: Guest): void {
	const here = shared(test, memory);
	const { control } = here;
	const own = guest ? new BigInt64Array(here.slots.length) : here.slots;
	const turn = new Turn(here, test, thread, own);
	const looks = new Looks(crowded);
	let kernel = fresh();
	arrive(control, signal, STARTED);
	for (let round = 0; ; round++) {
		untilNot(control, signal, ROUND, round, looks);
		if (Atomics.load(control, STOP) === 1) return;
		if (round % ROUNDS_PER_KERNEL === ROUNDS_PER_KERNEL - 1) kernel = fresh();
		const ret = guest?.enter(kernel, here.slots, own) ?? 0;
		if (ret < 0) Atomics.store(control, PROBLEM, -ret);
		startTogether(control, signal, test.threads.length);
		turn.make(kernel);
		arrive(control, signal, DONE);
		if (guest === undefined) continue;
		// It ends when all have made their calls.
		reached(control, signal, DONE, test.threads.length, looks);
		guest.leave(kernel);
		arrive(control, signal, LEFT);
	}
}

/** One thread's calls. */
export class Turn {
	readonly #calls: readonly Prepared[];
	readonly #control: Int32Array;
	readonly #rets: Int32Array;
	/** index of the first call's answer */
	readonly #first: number;
	readonly #at: number;
	readonly #delay: number;

	constructor({ control, rets, cells }: Shared, { threads }: Raceable, thread: number, slots: BigInt64Array) {
		this.#control = control;
		this.#rets = rets;
		this.#calls = preparedCalls(threads[thread].calls, slots, cells[thread]);
		this.#first = cells[thread][0].ret;
		this.#at = atWord(thread);
		this.#delay = delayWord(thread);
	}

	/** Waits as many turns as it was given, and makes the calls. */
	make(kernel: Kernel): void {
		const control = this.#control;
		const calls = this.#calls;
		for (let left = control[this.#delay]; left > 0; left--) Atomics.load(control, ROUND);
		for (let at = 0; at < calls.length; at++) {
			control[this.#at] = at + 1;
			this.#rets[this.#first + at] = calls[at](kernel);
		}
		control[this.#at] = 0;
	}
}

export const preparedCalls = (calls: readonly Call[], slots: BigInt64Array, cells: readonly { readonly bytes: Uint8Array }[]): Prepared[] =>
	calls.map((call, at) => prepare(call, slots, cells[at].bytes));

/** Counts oneself. */
export function arrive(control: Int32Array, signal: Signal, word: number): void {
	Atomics.add(control, word, 1);
	// Whoever counts itself from here on sees the new value before it falls asleep.
	if (Atomics.load(control, SLEEPERS) > 0) signal.wake(word);
}

/** Waits until a word counts `all`. */
export function reached(control: Int32Array, signal: Signal, word: number, all: number, looks: Looks): void {
	for (;;) {
		const now = Atomics.load(control, word);
		if (now >= all) return;
		untilNot(control, signal, word, now, looks);
	}
}

/** Waits until a word has another value than this. */
function untilNot(control: Int32Array, signal: Signal, word: number, value: number, looks: Looks): void {
	for (let left = looks.count; left > 0; left--)
		if (Atomics.load(control, word) !== value) {
			looks.helped(true);
			return;
		}
	looks.helped(false);
	Atomics.add(control, SLEEPERS, 1);
	while (Atomics.load(control, word) === value) signal.wait(word, value, NAP);
	Atomics.sub(control, SLEEPERS, 1);
}

/** Waking up takes each thread another time: whoever is awake spins until all are. */
export function startTogether(control: Int32Array, signal: Signal, threads: number): void {
	Atomics.add(control, READY, 1);
	for (let turns = 0; Atomics.load(control, READY) < threads; turns++)
		// More threads than CPUs: let the others run.
		if (turns > TURNS) signal.wait(STOP, 0, 0.1);
}
