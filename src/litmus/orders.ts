/** Every order of the threads' calls on a kernel that answers one call at a time. */
import { ioctls } from "../../structs/index.js";
import { EBUSY } from "../kernel/errno.js";
import { type Answer, callText, type Outcome, outcomeKey } from "./outcome.js";
import { Random } from "./random.js";
import { Round, type Stage } from "./round.js";
import type { Call, LitmusTest, Part } from "./test.js";

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

/** How an outcome comes about. */
export interface Explanation {
	/** the thread of each call, by its number */
	readonly order: readonly number[];
	/** lines that answered EBUSY because another thread's call was at work on the same object or range */
	readonly held: readonly string[];
}

/**
 * An order that gives exactly this outcome. If there is none, one in which a destroy or an unmap that answered EBUSY had no effect:
 * a real kernel refuses to destroy an object that any other call is at work on, and to unmap what another is just mapping.
 * @returns undefined if there is none; `unknown` if none was found in `limit` runs @throws SetupFailed
 */
export function explain(test: LitmusTest, outcome: Outcome, stage: () => Stage, limit: number): Explanation | "unknown" | undefined {
	const order = orderOf(test, outcome, stage, limit, new Map());
	if (order !== undefined) return order === "unknown" ? order : { order, held: [] };
	const refused = new Map<Call, number>();
	const held: string[] = [];
	for (const { label, errno } of outcome.entries) {
		if (errno !== EBUSY) continue;
		const part = test.threads.find(({ name }) => label.startsWith(`${name}.`));
		const calls = part?.calls.filter(({ line }) => label === `${part.name}.${line + 1}`) ?? [];
		if (calls.length !== 1 || !refusable.has(calls[0].request ?? 0)) continue;
		refused.set(calls[0], EBUSY);
		held.push(label);
	}
	if (held.length === 0) return undefined;
	const other = orderOf(test, outcome, stage, limit, refused);
	return other === undefined || other === "unknown" ? other : { order: other, held };
}

const refusable: ReadonlySet<number> = new Set([ioctls.IOMMU_DESTROY.request, ioctls.IOMMU_IOAS_UNMAP.request]);

function orderOf(
	test: LitmusTest,
	outcome: Outcome,
	stage: () => Stage,
	limit: number,
	refused: ReadonlyMap<Call, number>,
): readonly number[] | "unknown" | undefined {
	const wanted = new Map(outcome.entries.map(({ label, text }) => [label, text]));
	const key = outcomeKey(outcome);
	/** Only what can still become this outcome is followed. */
	const fits = (part: Part, call: Call, answer: Answer, slots: BigInt64Array): boolean => {
		const label = `${part.name}.${call.line + 1}`;
		const last = part.calls.findLast(({ line }) => line === call.line) === call;
		return (!last && answer.ret >= 0) || callText(test, call, answer, slots).text === wanted.get(label);
	};
	const found = search(test, stage, limit, fits, (reached) => outcomeKey(reached) === key, refused);
	const match = found.allowed.find((one) => outcomeKey(one.outcome) === key);
	return match?.order ?? (found.complete ? undefined : "unknown");
}

type Follow = (part: Part, call: Call, answer: Answer, slots: BigInt64Array) => boolean;

/** Depth first: each order is run from the start, as a kernel cannot be copied; those that begin alike are run one after another. */
function search(
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
	const random = new Random(seed);
	for (let at = 0; at < limit; at++) {
		const left = test.threads.flatMap(({ calls }, thread) => calls.map(() => thread));
		random.shuffle(left);
		const round = new Round(test, stage());
		for (const thread of left) round.step(thread);
		found.add(round.end(), left);
	}
	return { allowed: found.all(), run: limit, cut: 0, complete: false };
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
