/** Every order of the threads' calls on a kernel that answers one call at a time. */
import { type Outcome, outcomeKey } from "./outcome.js";
import { Random } from "./random.js";
import { Round, type Stage, type Taken } from "./round.js";
import type { Call, LitmusTest } from "./test.js";

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
	/** how many beginnings were left because their state had been seen; those at whose end a call waits for another thread are no orders */
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

/** Whether an order is of interest after this step. */
export type Follow = (round: Round, step: Taken) => boolean;

/** Depth first: each order is run from the start, as a kernel cannot be copied; those that begin alike are run one after another. */
export function search(
	test: LitmusTest,
	stage: () => Stage,
	limit: number,
	follow: Follow,
	enough?: (outcome: Outcome) => boolean,
	refused?: ReadonlyMap<Call, number>,
) {
	const found = new Found();
	const seen = new Set<string>();
	/** the thread of each call of the order at hand */
	let order: number[] = [];
	let run = 0;
	let cut = 0;
	let starts = 0;
	for (;;) {
		if (starts++ === limit) return { allowed: found.all(), run, cut, complete: false };
		const shared = order.length - 1;
		const round = new Round(test, stage(), refused);
		let whole = true;
		for (let at = 0; at < round.length; at++) {
			if (at === order.length) order.push(round.firstLeft());
			const step = round.step(order[at]);
			if (at < shared) continue;
			if (!step.waits && follow(round, step)) {
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
			const outcome = found.add(round.end(), order);
			if (outcome && enough?.(outcome)) return { allowed: found.all(), run, cut, complete: true };
		} else round.leave();
		const next = following(test, order);
		if (next === undefined) return { allowed: found.all(), run, cut, complete: true };
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
	const found = new Found();
	let run = 0;
	const random = new Random(seed);
	for (let at = 0; at < limit; at++) {
		const left = test.threads.flatMap(({ calls }, thread) => calls.map(() => thread));
		random.shuffle(left);
		const round = new Round(test, stage());
		if (left.some((thread) => round.step(thread).waits)) round.leave();
		else {
			found.add(round.end(), left);
			run++;
		}
	}
	return { allowed: found.all(), run, cut: 0, complete: false };
}

/** The outcomes so far. */
class Found {
	readonly #byKey = new Map<string, { outcome: Outcome; order: readonly number[]; orders: number }>();
	/** keys, by the answers as they came: an outcome is put into words once */
	readonly #keys = new Map<string, string>();

	/** @returns its outcome, where that is new */
	add({ raw, outcome: told }: ReturnType<Round["end"]>, order: readonly number[]): Outcome | undefined {
		const known = this.#keys.get(raw);
		const outcome = known === undefined ? told() : undefined;
		const key = known ?? outcomeKey(outcome as Outcome);
		this.#keys.set(raw, key);
		const entry = this.#byKey.get(key);
		if (entry) {
			entry.orders++;
			return undefined;
		}
		this.#byKey.set(key, { outcome: outcome as Outcome, order: [...order], orders: 1 });
		return outcome;
	}

	all(): Allowed[] {
		return [...this.#byKey.values()];
	}
}
