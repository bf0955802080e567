/** Finds out how an outcome that a kernel showed comes about. */
import { EBUSY } from "../kernel/errno.js";
import { search } from "./orders.js";
import { callText, type Outcome, outcomeKey } from "./outcome.js";
import { excuses, refusable } from "./refused.js";
import type { Round, Stage, Taken } from "./round.js";
import type { Call, LitmusTest } from "./test.js";

/** How an outcome comes about. */
export interface Explanation {
	/** the thread of each call, by its number */
	readonly order: readonly number[];
	/** lines that answered EBUSY because another thread's call was at work on the same object or range */
	readonly held: readonly string[];
}

/**
 * An order that gives exactly this outcome. If there is none, one in which as few calls as possible were refused: they answered EBUSY and
 * had no effect, while a call of another thread was at work (see `excuses`).
 * @returns undefined if there is none; `unknown` if none was found in `limit` runs @throws SetupFailed
 */
export function explain(test: LitmusTest, outcome: Outcome, stage: () => Stage, limit: number): Explanation | "unknown" | undefined {
	let unknown = false;
	for (const refused of subsets(busyCalls(test, outcome))) {
		const order = orderOf(test, outcome, stage, limit, new Map(refused.map(({ call }) => [call, EBUSY])));
		if (order === "unknown") unknown = true;
		else if (order !== undefined) return { order, held: refused.map(({ label }) => label) };
	}
	return unknown ? "unknown" : undefined;
}

/** Of so many calls at most it is asked whether they were refused. */
const MOST = 6;

interface Busy {
	readonly label: string;
	readonly call: Call;
}

/** The calls that may have been refused: a line that is one call, and answered EBUSY. */
function busyCalls(test: LitmusTest, { entries }: Outcome): Busy[] {
	const found = entries.flatMap(({ label, errno }): Busy[] => {
		const part = errno === EBUSY ? test.threads.find(({ name }) => label.startsWith(`${name}.`)) : undefined;
		const calls = part?.calls.filter(({ line }) => label === `${part.name}.${line + 1}`) ?? [];
		return calls.length === 1 && refusable(calls[0]) ? [{ label, call: calls[0] }] : [];
	});
	return found.slice(0, MOST);
}

/** All subsets, small ones first. */
function subsets<T>(of: readonly T[]): T[][] {
	const all = Array.from({ length: 2 ** of.length }, (_, bits) => of.filter((_, at) => (bits >> at) & 1));
	return all.sort((a, b) => a.length - b.length);
}

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
	const fits = (round: Round, { thread, part, call, answer }: Taken): boolean => {
		const sent = { call, bytes: answer.bytes };
		if (refused.has(call) && !round.beside(thread).some((other) => excuses(test, round.slots, sent, other))) return false;
		const label = `${part.name}.${call.line + 1}`;
		const last = part.calls.findLast(({ line }) => line === call.line) === call;
		return (!last && answer.ret >= 0) || callText(test, call, answer, round.slots).text === wanted.get(label);
	};
	const found = search(test, stage, limit, fits, (reached) => outcomeKey(reached) === key, refused);
	const match = found.allowed.find((one) => outcomeKey(one.outcome) === key);
	return match?.order ?? (found.complete ? undefined : "unknown");
}
