/** What a test's run shows: its outcomes, and what is wrong with them. */
import {
	type Allowed,
	broken,
	type Exploration,
	type LitmusTest,
	type Outcome,
	outcomeKey,
	type Verdict,
} from "../../../../litmus/index.js";
import { plural } from "../../../frame/text.js";

/** An outcome, and whether there is an order of the calls for it. */
interface Explained {
	readonly outcome: Outcome;
	/** of one that is not among the allowed ones that are known: whether an order gives it */
	readonly explained: "yes" | "no" | "unknown";
	/** an order that gives it */
	readonly order?: readonly number[];
	/** lines that answered EBUSY because another call was at work on the same object or range */
	readonly held?: readonly string[];
	/** of one that is not explained: the first round that gave it, from 1 */
	readonly first?: number;
}

/** An outcome that rounds on the real kernel showed. */
export interface SeenOutcome extends Explained {
	readonly rounds: number;
}

/** What the real kernel did. */
export interface Seen {
	readonly rounds: number;
	readonly seconds: number;
	readonly outcomes: readonly SeenOutcome[];
	/** lines of the kernel's log that are findings */
	readonly log: readonly string[];
	/** why the log was not read */
	readonly noLog?: string;
	/** what ended the rounds early: a call that does not return, a setup that fails */
	readonly stuck?: string;
	/** a thread is still in the kernel */
	readonly hanging: boolean;
}

export interface Ran {
	readonly test: LitmusTest;
	readonly verdicts: readonly Verdict[];
	readonly exploration: Exploration;
	readonly seen?: Seen;
}

/** A line of the histogram. */
export interface Row extends Explained {
	/** of the orders that were run */
	readonly orders: number;
	/** on the real kernel; 0: allowed and never seen */
	readonly rounds?: number;
	/** what the test says of it */
	readonly broken: readonly Verdict[];
}

/** Allowed outcomes, then the others. */
export function rowsOf({ exploration, seen, verdicts }: Ran): Row[] {
	const counts = new Map(seen?.outcomes.map((one) => [outcomeKey(one.outcome), one]));
	const rows = exploration.allowed.map(({ outcome, order, orders }: Allowed): Row => {
		const key = outcomeKey(outcome);
		const rounds = seen === undefined ? undefined : (counts.get(key)?.rounds ?? 0);
		counts.delete(key);
		return { outcome, explained: "yes", order, orders, rounds, broken: broken(verdicts, outcome) };
	});
	const others = [...counts.values()].map((one): Row => ({ ...one, orders: 0, broken: broken(verdicts, one.outcome) }));
	return [...rows, ...others];
}

/** What is wrong, a line each. */
export function judged(ran: Ran): string[] {
	const { seen } = ran;
	const problems: string[] = [];
	if (ran.exploration.allowed.length === 0)
		problems.push("in every order a call waits for ever: no thread serves the page that it needs before (mem serve)");
	for (const [at, { explained, broken: rules, rounds }] of rowsOf(ran).entries()) {
		const times = rounds === undefined ? "" : ` (${plural(rounds, "round")})`;
		if (explained === "no") problems.push(`outcome ${at + 1} is not explained by any order of the calls${times}`);
		if (rounds !== 0) for (const { line, source } of rules) problems.push(`outcome ${at + 1} breaks line ${line}: ${source}${times}`);
	}
	if (seen?.stuck !== undefined) problems.push(seen.stuck);
	for (const line of seen?.log ?? []) problems.push(`kernel log: ${line}`);
	return problems;
}
