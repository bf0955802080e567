/** Races a test's threads on a real kernel, round by round. */
import type { Kernel } from "../kernel/kernel.js";
import { make } from "./make.js";
import { type Answer, callText, entriesOf, type Outcome, outcomeKey } from "./outcome.js";
import type { RacerData } from "./racer.js";
import { Random } from "./random.js";
import { atWord, DONE, delayWord, READY, ROUND, STARTED, STOP, shared } from "./shared.js";
import { emptySlots, type LitmusTest } from "./test.js";

export interface RaceOptions {
	/** the program in which setup and `finally` run; its `exit` ends a round */
	readonly fresh: () => Kernel;
	/** starts a thread that runs `race` of racer.ts */
	readonly spawn: (data: RacerData) => void;
	readonly rounds: number;
	/** ms; the race ends after it, whatever `rounds` says */
	readonly time: number;
	readonly seed: number;
	/** ms after which a round counts as stuck */
	readonly patience: number;
	/** now and then: how many rounds are over */
	readonly tell?: (rounds: number) => void;
}

export interface Raced {
	readonly rounds: number;
	readonly seconds: number;
	readonly outcomes: readonly { readonly outcome: Outcome; readonly rounds: number }[];
	/** why it ended early */
	readonly stuck?: string;
	/** threads may still be in the kernel: only the end of the process ends them */
	readonly hanging: boolean;
}

/** Turns that a thread waits at the start: up to one of these, at random. */
const SPREADS = [1, 16, 128, 1024, 4096];

/** Races for the given time or number of rounds. */
export function runRace(test: LitmusTest, options: RaceOptions): Raced {
	const memory = shared(test);
	const { control, slots, rets, cells, raw } = memory;
	for (const thread of test.threads.keys())
		options.spawn({ test: { threads: test.threads, slots: test.slots }, buffer: memory.buffer, thread });
	const random = new Random(options.seed);
	const last: Answer[] = test.finally.calls.map((call) => ({ ret: 0, bytes: new Uint8Array(call.bytes?.length ?? 0) }));
	/** by the bytes of all answers */
	const counts = new Map<string, { readonly outcome: Outcome; rounds: number }>();
	const spread = test.threads.map(() => 0);
	let rounds = 0;
	let stuck: string | undefined;
	let hanging = false;
	if (!reached(control, STARTED, test.threads.length, options.patience)) {
		stuck = "a thread does not start";
		hanging = true;
	}
	const start = performance.now();
	const setupBytes = test.setup.calls.map((call) => new Uint8Array(call.bytes?.length ?? 0));
	/** the file slots that the threads fill */
	const opened = test.slots.flatMap(({ kind }, at) => (kind === "file" && at >= test.setupSlots ? [at] : []));
	while (!hanging && rounds < options.rounds && performance.now() - start < options.time) {
		const kernel = options.fresh();
		emptySlots(test, slots);
		for (const [at, call] of test.setup.calls.entries()) {
			const bytes = setupBytes[at];
			const ret = make(kernel, call, slots, bytes);
			if (ret >= 0) continue;
			stuck = `round ${rounds + 1}: line ${test.setup.lines[call.line].line} of the setup answers ${callText(test, call, { ret, bytes }, slots).text}`;
			break;
		}
		if (stuck !== undefined) {
			kernel.exit();
			break;
		}
		const scale = SPREADS[random.below(SPREADS.length)];
		for (const thread of spread.keys()) control[delayWord(thread)] = random.below(scale);
		control[READY] = 0;
		control[DONE] = 0;
		Atomics.add(control, ROUND, 1);
		Atomics.notify(control, ROUND);
		if (!reached(control, DONE, test.threads.length, options.patience)) {
			stuck = `round ${rounds + 1}: ${whoIsIn(test, control)}`;
			hanging = true;
			break;
		}
		const ended = test.finally.calls.map((call, at): Answer => ({ ret: make(kernel, call, slots, last[at].bytes), bytes: last[at].bytes }));
		const key = keyOf(raw, ended);
		const known = counts.get(key);
		if (known) known.rounds++;
		else {
			const answers = cells.map((of) => of.map(({ ret, bytes }): Answer => ({ ret: rets[ret], bytes })));
			const threads = test.threads.flatMap((part, at) => entriesOf(test, part, answers[at], slots));
			counts.set(key, { outcome: { entries: [...threads, ...entriesOf(test, test.finally, ended, slots)] }, rounds: 1 });
		}
		for (const slot of opened) if (slots[slot] > 2n) kernel.close(Number(slots[slot]));
		kernel.exit();
		rounds++;
		if (rounds % 256 === 0) options.tell?.(rounds);
	}
	if (!hanging) {
		Atomics.store(control, STOP, 1);
		Atomics.add(control, ROUND, 1);
		Atomics.notify(control, ROUND);
	}
	return { rounds, seconds: (performance.now() - start) / 1000, outcomes: grouped(counts.values()), stuck, hanging };
}

/** Waits until a word counts all threads. */
function reached(control: Int32Array, word: number, threads: number, patience: number): boolean {
	let until = 0;
	for (;;) {
		const done = Atomics.load(control, word);
		if (done === threads) return true;
		if (until === 0) until = performance.now() + patience;
		else if (performance.now() > until) return false;
		Atomics.wait(control, word, done, 100);
	}
}

function whoIsIn({ threads }: LitmusTest, control: Int32Array): string {
	const where = threads.flatMap(({ name, calls, lines }, thread) => {
		const at = control[atWord(thread)];
		if (at === 0) return [];
		const { line } = calls[at - 1];
		return [`${name}.${line + 1} (${lines[line].source}) does not return`];
	});
	return where.join(", ") || "a thread did not start";
}

function keyOf(raw: Uint8Array, ended: readonly Answer[]): string {
	const parts = [Buffer.from(raw).toString("latin1")];
	for (const { ret, bytes } of ended) parts.push(`${ret}`, Buffer.from(bytes).toString("latin1"));
	return parts.join("|");
}

/** Outcomes that differ only in what a caller cannot see become one. */
function grouped(raw: Iterable<{ readonly outcome: Outcome; readonly rounds: number }>): { outcome: Outcome; rounds: number }[] {
	const found = new Map<string, { outcome: Outcome; rounds: number }>();
	for (const { outcome, rounds } of raw) {
		const key = outcomeKey(outcome);
		const known = found.get(key);
		if (known) known.rounds += rounds;
		else found.set(key, { outcome, rounds });
	}
	return [...found.values()].sort((a, b) => b.rounds - a.rounds);
}
