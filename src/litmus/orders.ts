/** Every order of the threads' calls on a kernel that answers one call at a time. */
import type { Kernel } from "../kernel/kernel.js";
import { make } from "./make.js";
import { type Answer, callText, type Entry, entriesOf, type Outcome, outcomeKey } from "./outcome.js";
import { Random } from "./random.js";
import { type Call, emptySlots, type LitmusTest, type Part } from "./test.js";

/** A kernel for one order; it is new, as the hardware under it is. */
export interface Stage {
	readonly kernel: Kernel;
	/** all that the calls so far left behind, in words that are the same for the same state; undefined: not known */
	fingerprint?(): string | undefined;
}

/** An outcome that some order gives, and that order: the thread of each call, by its number. */
export interface Allowed {
	readonly outcome: Outcome;
	readonly order: readonly number[];
	/** how many of the orders that were run gave it */
	readonly orders: number;
}

export interface Exploration {
	readonly allowed: readonly Allowed[];
	/** how many orders there are */
	readonly orders: bigint;
	/** how many were run to their end */
	readonly run: number;
	/** how many beginnings were left because their state had been seen */
	readonly cut: number;
	/** false: a sample */
	readonly complete: boolean;
}

export interface ExploreOptions {
	readonly stage: () => Stage;
	/** runs at most; above it, that many orders at random */
	readonly limit: number;
	readonly seed: number;
}

/** A setup's call that failed. */
export class SetupFailed extends Error {
	constructor(
		readonly line: number,
		readonly entry: Entry,
	) {
		super(`the setup's line ${line} answers ${entry.text}`);
	}
}

/** How many orders threads of these lengths have. */
export function countOrders(lengths: readonly number[]): bigint {
	let orders = 1n;
	let sum = 0n;
	for (const length of lengths)
		for (let at = 1n; at <= BigInt(length); at++) {
			sum++;
			orders = (orders * sum) / at;
		}
	return orders;
}

/** Runs every order, or a sample of them. @throws SetupFailed */
export function explore(test: LitmusTest, options: ExploreOptions): Exploration {
	const orders = countOrders(test.threads.map(({ calls }) => calls.length));
	const all = search(test, options.stage, options.limit, () => true);
	if (all.complete) return { ...all, orders };
	return { ...sample(test, options), orders };
}

/**
 * An order that gives exactly this outcome. @returns undefined if there is none; `unknown` if none was found in `limit` runs
 * @throws SetupFailed
 */
export function explain(test: LitmusTest, outcome: Outcome, stage: () => Stage, limit: number): readonly number[] | "unknown" | undefined {
	const wanted = new Map(outcome.entries.map(({ label, text }) => [label, text]));
	const key = outcomeKey(outcome);
	/** Only what can still become this outcome is followed. */
	const fits = (part: Part, call: Call, answer: Answer, slots: BigInt64Array): boolean => {
		const label = `${part.name}.${call.line + 1}`;
		const last = part.calls.findLast(({ line }) => line === call.line) === call;
		return (!last && answer.ret >= 0) || callText(test, call, answer, slots).text === wanted.get(label);
	};
	const found = search(test, stage, limit, fits, (reached) => outcomeKey(reached) === key);
	const match = found.allowed.find((one) => outcomeKey(one.outcome) === key);
	return match?.order ?? (found.complete ? undefined : "unknown");
}

type Follow = (part: Part, call: Call, answer: Answer, slots: BigInt64Array) => boolean;

/** Depth first: each order is run from the start, as a kernel cannot be copied; those that begin alike are run one after another. */
function search(test: LitmusTest, stage: () => Stage, limit: number, follow: Follow, enough?: (outcome: Outcome) => boolean) {
	const found = new Map<string, { outcome: Outcome; order: readonly number[]; orders: number }>();
	const seen = new Set<string>();
	/** the thread of each call of the order at hand */
	let order: number[] = [];
	let run = 0;
	let cut = 0;
	let starts = 0;
	for (;;) {
		if (starts++ === limit) return { allowed: [...found.values()], run, cut, complete: false };
		const shared = order.length - 1;
		const round = new Round(test, stage());
		let whole = true;
		for (let at = 0; at < round.length; at++) {
			if (at === order.length) order.push(round.firstLeft());
			const { part, call, answer } = round.step(order[at]);
			if (at < shared) continue;
			if (follow(part, call, answer, round.slots)) {
				const state = round.state();
				if (state === undefined || at === round.length - 1 || !seen.has(state)) {
					if (state !== undefined) seen.add(state);
					continue;
				}
				cut++;
			}
			order = order.slice(0, at + 1);
			whole = false;
			break;
		}
		if (whole) {
			run++;
			const outcome = round.end();
			keep(found, outcome, order);
			if (enough?.(outcome)) return { allowed: [...found.values()], run, cut, complete: true };
		} else round.leave();
		const next = following(test, order);
		if (next === undefined) return { allowed: [...found.values()], run, cut, complete: true };
		order = next;
	}
}

/** The first order behind those that begin like this one. */
function following(test: LitmusTest, order: readonly number[]): number[] | undefined {
	const left = test.threads.map(({ calls }) => calls.length);
	for (const thread of order) left[thread]--;
	for (let at = order.length - 1; at >= 0; at--) {
		left[order[at]]++;
		const next = left.findIndex((count, thread) => thread > order[at] && count > 0);
		if (next >= 0) return [...order.slice(0, at), next];
	}
	return undefined;
}

function sample(test: LitmusTest, { stage, limit, seed }: ExploreOptions) {
	const found = new Map<string, { outcome: Outcome; order: readonly number[]; orders: number }>();
	const random = new Random(seed);
	for (let at = 0; at < limit; at++) {
		const left = test.threads.flatMap(({ calls }, thread) => calls.map(() => thread));
		random.shuffle(left);
		const round = new Round(test, stage());
		for (const thread of left) round.step(thread);
		keep(found, round.end(), left);
	}
	return { allowed: [...found.values()], run: limit, cut: 0, complete: false };
}

function keep(found: Map<string, { outcome: Outcome; order: readonly number[]; orders: number }>, outcome: Outcome, order: readonly number[]): void {
	const key = outcomeKey(outcome);
	const known = found.get(key);
	if (known) known.orders++;
	else found.set(key, { outcome, order: [...order], orders: 1 });
}

/** One order on one kernel, call by call. */
export class Round {
	readonly slots: BigInt64Array;
	readonly length: number;
	readonly #answers: Answer[][];
	readonly #test: LitmusTest;
	readonly #stage: Stage;

	/** Runs the setup. @throws SetupFailed */
	constructor(test: LitmusTest, stage: Stage) {
		this.#test = test;
		this.#stage = stage;
		this.slots = emptySlots(test);
		this.length = test.threads.reduce((sum, { calls }) => sum + calls.length, 0);
		this.#answers = test.threads.map(() => []);
		for (const call of test.setup.calls) {
			const answer = this.#make(call);
			if (answer.ret >= 0) continue;
			const { text, fields } = callText(test, call, answer, this.slots);
			throw new SetupFailed(test.setup.lines[call.line].line, { label: "setup", text, errno: -answer.ret, fields });
		}
	}

	/** The first thread that has calls left. */
	firstLeft(): number {
		return this.#test.threads.findIndex(({ calls }, at) => this.#answers[at].length < calls.length);
	}

	/** Makes a thread's next call. */
	step(thread: number): { part: Part; call: Call; answer: Answer } {
		const part = this.#test.threads[thread];
		const call = part.calls[this.#answers[thread].length];
		const answer = this.#make(call);
		this.#answers[thread].push(answer);
		return { part, call, answer };
	}

	/** Where everything stands: how far the threads are, what they were answered and what the kernel holds. */
	state(): string | undefined {
		const kernel = this.#stage.fingerprint?.();
		if (kernel === undefined) return undefined;
		const answers = this.#answers.map((of) => of.map(({ ret, bytes }) => `${ret} ${Buffer.from(bytes).toString("base64")}`).join());
		return `${answers.join("|")}|${this.slots.join()}|${kernel}`;
	}

	/** Runs `finally` and ends the program. */
	end(): Outcome {
		const test = this.#test;
		const last = test.finally.calls.map((call) => this.#make(call));
		this.#stage.kernel.exit();
		const threads = test.threads.flatMap((part, at) => entriesOf(test, part, this.#answers[at], this.slots));
		return { entries: [...threads, ...entriesOf(test, test.finally, last, this.slots)] };
	}

	leave(): void {
		this.#stage.kernel.exit();
	}

	#make(call: Call): Answer {
		const bytes = new Uint8Array(call.bytes?.length ?? 0);
		const ret = make(this.#stage.kernel, call, this.slots, bytes);
		return { ret, bytes };
	}
}
