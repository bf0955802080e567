/** One outcome's order, call by call. */
import { EBUSY } from "../../../../kernel/errno.js";
import type { Kernel } from "../../../../kernel/kernel.js";
import { explains, whyLines } from "../../../../kernel/why.js";
import { type Call, type LitmusTest, Round, type Stage } from "../../../../litmus/index.js";
import { UsageError } from "../../../frame/exit.js";
import { plural, table } from "../../../frame/text.js";
import { type Ran, rowsOf } from "./judge.js";

/** The labels of an order's lines; a line that makes several calls stands where it makes each. */
export function orderLabels(
	{ threads }: LitmusTest,
	order: readonly number[],
): { label: string; thread: number; line: number; last: boolean }[] {
	const next = threads.map(() => 0);
	return order.map((thread) => {
		const { name, calls } = threads[thread];
		const at = next[thread]++;
		const { line } = calls[at];
		return { label: `${name}.${line + 1}`, thread, line, last: calls[at + 1]?.line !== line };
	});
}

/**
 * @param number of the outcome, from 1
 * @param stage a kernel that says why its calls fail: then the reasons are shown too @throws UsageError
 */
export function shownOrder(ran: Ran, number: number, stage?: () => Stage): string[] {
	const rows = rowsOf(ran);
	const row = rows[number - 1];
	if (row === undefined)
		throw new UsageError(
			`--show ${number}: there ${rows.length === 1 ? "is" : "are"} ${plural(rows.length, "outcome")}`,
			rows.length === 1 ? "give 1" : `give 1 to ${rows.length}`,
		);
	if (row.order === undefined) return ["", `outcome ${number}: no order gives it`];
	const { threads, finally: last } = ran.test;
	const answers = new Map(row.outcome.entries.map(({ label, text }) => [label, text]));
	const calls = orderLabels(ran.test, row.order).map(({ label, thread, line, last: ends }) => ({
		label,
		source: threads[thread].lines[line].source,
		answer: ends ? (answers.get(label) ?? "") : "...",
	}));
	const after = last.lines.map(({ source }, at) => ({
		label: `finally.${at + 1}`,
		source,
		answer: answers.get(`finally.${at + 1}`) ?? "",
	}));
	const lines = [...calls, ...after];
	const shown = table(lines.map(({ label, source, answer }) => [`  ${label}`, source, answer]));
	const reasons = stage === undefined ? new Map<string, string[]>() : reasonsOf(ran.test, row.order, row.held ?? [], stage());
	return [
		"",
		`outcome ${number}, by this order:`,
		...shown.flatMap((text, at) => [text, ...(reasons.get(lines[at].label) ?? []).map((line) => `    ${line}`)]),
	];
}

/** Runs an order once more. Why its lines failed, by their labels. */
function reasonsOf(test: LitmusTest, order: readonly number[], held: readonly string[], stage: Stage): Map<string, string[]> {
	const reasons = new Map<string, string[]>();
	const labels = new Map<Call, string>();
	for (const { name, calls } of [...test.threads, test.finally]) for (const call of calls) labels.set(call, `${name}.${call.line + 1}`);
	const answered = (call: Call, ret: number, kernel: Kernel): void => {
		const label = labels.get(call);
		const why = ret < 0 && explains(kernel) ? kernel.why(ret) : undefined;
		if (label !== undefined && why !== undefined && !reasons.has(label)) reasons.set(label, whyLines(why));
	};
	const refused = new Map([...labels].filter(([, label]) => held.includes(label)).map(([call]) => [call, EBUSY]));
	for (const label of held) reasons.set(label, ["why: another thread's call is at work on the same object or range"]);
	const round = new Round(test, { ...stage, answered }, refused);
	for (const thread of order) round.step(thread);
	round.end();
	return reasons;
}
