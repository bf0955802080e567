/** What each thread of a race does: waits for a round, starts with the others, makes its calls. */
import type { Kernel } from "../kernel/kernel.js";
import { make } from "./make.js";
import { atWord, DONE, delayWord, READY, ROUND, STARTED, STOP, shared } from "./shared.js";
import type { LitmusTest } from "./test.js";

/** What a thread is started with. */
export interface RacerData {
	readonly test: Pick<LitmusTest, "threads" | "slots">;
	readonly buffer: SharedArrayBuffer;
	/** which of the test's threads it is */
	readonly thread: number;
}

/** Looks for a round this often before the thread sleeps; meanwhile the main thread needs a CPU for the setup. */
const LOOKS = 200;
/** Looks this often whether the others are ready. */
const TURNS = 20_000;
/** A kernel of this process remembers the files that were opened through it: after so many rounds there is a new one. */
const ROUNDS_PER_KERNEL = 1000;

/** Races until told to stop. @param fresh a view of this process's kernel that knows the test's memory */
export function race({ test, buffer, thread }: RacerData, fresh: () => Kernel): void {
	const { control, slots, rets, cells } = shared(test, buffer);
	const { calls } = test.threads[thread];
	const mine = cells[thread];
	let kernel = fresh();
	Atomics.add(control, STARTED, 1);
	Atomics.notify(control, STARTED);
	for (let round = 0; ; round++) {
		untilNot(control, ROUND, round);
		if (Atomics.load(control, STOP) === 1) return;
		if (round % ROUNDS_PER_KERNEL === ROUNDS_PER_KERNEL - 1) kernel = fresh();
		startTogether(control, test.threads.length);
		for (let left = control[delayWord(thread)]; left > 0; left--) Atomics.load(control, ROUND);
		for (let at = 0; at < calls.length; at++) {
			control[atWord(thread)] = at + 1;
			rets[mine[at].ret] = make(kernel, calls[at], slots, mine[at].bytes);
		}
		control[atWord(thread)] = 0;
		Atomics.add(control, DONE, 1);
		Atomics.notify(control, DONE);
	}
}

/** Waits until a word has another value than this. */
function untilNot(control: Int32Array, word: number, value: number): void {
	for (let left = LOOKS; left > 0; left--) if (Atomics.load(control, word) !== value) return;
	while (Atomics.load(control, word) === value) Atomics.wait(control, word, value);
}

/** Waking up takes each thread another time: whoever is awake spins until all are. */
function startTogether(control: Int32Array, threads: number): void {
	Atomics.add(control, READY, 1);
	for (let turns = 0; Atomics.load(control, READY) < threads; turns++)
		// More threads than CPUs: let the others run.
		if (turns > TURNS) Atomics.wait(control, STOP, 0, 0.1);
}
