/** The thread that leads a race: it makes the setup, starts the others, takes part, and counts what came of it. */
import type { Kernel } from "../kernel/kernel.js";
import { type Answer, callText, entriesOf, type Outcome, outcomeKey } from "./outcome.js";
import { arrive, Looks, preparedCalls, reached, startTogether, Turn } from "./racer.js";
import { Random } from "./random.js";
import { DONE, delayWord, LEADING, LEFT, PROBLEM, READY, ROUND, type Signal, STARTED, STOP, shared } from "./shared.js";
import { emptySlots, type LitmusTest } from "./test.js";

/** What a race comes to. */
export interface Led {
	readonly rounds: number;
	readonly seconds: number;
	readonly outcomes: readonly Counted[];
	/** why it ended early */
	readonly stuck?: string;
}

export interface Counted {
	readonly outcome: Outcome;
	readonly rounds: number;
	/** the first round that gave it, from 1 */
	readonly first: number;
}

export interface LeadOptions {
	readonly rounds: number;
	/** ms; the race ends after it, whatever `rounds` says */
	readonly time: number;
	readonly seed: number;
	/** the test's thread that the leader is; undefined: none */
	readonly thread?: number;
	readonly crowded: boolean;
	/** called with every outcome that no earlier round gave */
	readonly novel?: (round: number, outcome: Outcome) => void;
	/** called about once a second, or every `every` ms, with what there is so far */
	readonly sofar?: (outcomes: readonly Counted[], rounds: number) => void;
	readonly every?: number;
}

/** Turns that a thread waits at the start: up to one of these, at random. */
const SPREADS = [1, 16, 64, 256, 1024];

/**
 * Races for the given time or number of rounds. All others have to be started with the same memory.
 * @param kernel the program in which setup and `finally` run; its `exit` ends a round, and it is used again
 */
export function lead(test: LitmusTest, memory: Uint8Array, signal: Signal, kernel: Kernel, options: LeadOptions): Led {
	const here = shared(test, memory);
	const { control, slots, rets, cells } = here;
	const { threads, setup } = test;
	const files = new Int32Array(slots.buffer, slots.byteOffset, 2 * slots.length);
	const looks = new Looks(options.crowded);
	const empty = emptySlots(test);
	const random = new Random(options.seed);
	const setupCells = setup.calls.map((call) => ({ bytes: new Uint8Array(call.bytes?.length ?? 0) }));
	const before = preparedCalls(setup.calls, slots, setupCells);
	const ends = cells[threads.length];
	const after = preparedCalls(test.finally.calls, slots, ends);
	const turn = options.thread === undefined ? undefined : new Turn(here, test, options.thread, slots);
	const guests = threads.filter(({ process }) => process).length;
	/** the file slots that threads of this process fill */
	const opened = test.slots.flatMap(({ kind }, at) => (kind === "file" && at >= test.setupSlots ? [at] : []));
	const answers = (thread: number): Answer[] => cells[thread].map(({ ret, bytes }) => ({ ret: rets[ret], bytes }));
	const tally = new Tally(here.raw, () => ({
		entries: [
			...threads.flatMap((part, at) => entriesOf(test, part, answers(at), slots)),
			...entriesOf(test, test.finally, answers(threads.length), slots),
		],
	}));
	let rounds = 0;
	let stuck: string | undefined;
	reached(control, signal, STARTED, threads.length - (turn ? 1 : 0), looks);
	const start = performance.now();
	let told = start;
	const { every = 1000 } = options;
	for (let now = start; rounds < options.rounds && now - start < options.time; now = performance.now()) {
		slots.set(empty);
		let ret = 0;
		let made = 0;
		while (made < before.length && ret >= 0) {
			control[LEADING] = made + 1;
			ret = before[made++](kernel);
		}
		control[LEADING] = 0;
		if (ret < 0) {
			const call = setup.calls[made - 1];
			const { text } = callText(test, call, { ret, bytes: setupCells[made - 1].bytes }, slots);
			stuck = `round ${rounds + 1}: line ${setup.lines[call.line].line} of the setup answers ${text}`;
			kernel.exit();
			break;
		}
		const scale = SPREADS[random.below(SPREADS.length)];
		for (let thread = 0; thread < threads.length; thread++) control[delayWord(thread)] = random.below(scale);
		control[READY] = 0;
		control[DONE] = 0;
		control[LEFT] = 0;
		arrive(control, signal, ROUND);
		if (turn) {
			startTogether(control, signal, threads.length);
			turn.make(kernel);
			arrive(control, signal, DONE);
		}
		reached(control, signal, DONE, threads.length, looks);
		reached(control, signal, LEFT, guests, looks);
		for (let at = 0; at < after.length; at++) {
			control[LEADING] = -at - 1;
			rets[ends[at].ret] = after[at](kernel);
		}
		control[LEADING] = 0;
		rounds++;
		const novel = tally.add(rounds);
		if (novel) options.novel?.(rounds, novel);
		if (now > told + every) {
			told = now;
			options.sofar?.(tally.all(), rounds);
		}
		for (let at = 0; at < opened.length; at++) {
			const file = files[2 * opened[at]];
			if (file > 2) kernel.close(file);
		}
		kernel.exit();
		if (control[PROBLEM] === 0) continue;
		stuck = `a process cannot have the files and the memory of the setup: errno ${control[PROBLEM]}`;
		break;
	}
	Atomics.store(control, STOP, 1);
	arrive(control, signal, ROUND);
	return { rounds, seconds: (performance.now() - start) / 1000, outcomes: tally.all(), stuck };
}

/** Counts outcomes; equal bytes are put into words once. */
class Tally {
	readonly #raw: Buffer;
	readonly #tell: () => Outcome;
	readonly #counts = new Map<string, { readonly outcome: Outcome; readonly first: number; rounds: number }>();
	/** the last ones that came, with their bytes */
	readonly #recent: { readonly bytes: Buffer; readonly count: { rounds: number } }[] = [];

	constructor(raw: Uint8Array, tell: () => Outcome) {
		this.#raw = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
		this.#tell = tell;
	}

	/** @returns the outcome, where it is new */
	add(round: number): Outcome | undefined {
		const recent = this.#recent;
		for (let at = 0; at < recent.length; at++)
			if (recent[at].bytes.equals(this.#raw)) {
				recent[at].count.rounds++;
				return undefined;
			}
		const outcome = this.#tell();
		// Outcomes that differ only in what a caller cannot see are one.
		const key = outcomeKey(outcome);
		const known = this.#counts.get(key);
		const count = known ?? { outcome, first: round, rounds: 0 };
		count.rounds++;
		this.#counts.set(key, count);
		if (recent.length === RECENT) recent.shift();
		recent.push({ bytes: Buffer.from(this.#raw), count });
		return known ? undefined : outcome;
	}

	all(): Counted[] {
		return [...this.#counts.values()].sort((a, b) => b.rounds - a.rounds);
	}
}

/** More different answers than most tests have. */
const RECENT = 32;
