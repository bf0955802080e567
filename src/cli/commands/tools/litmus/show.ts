/** One outcome's order, call by call. */
import type { LitmusTest } from "../../../../litmus/index.js";
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

/** @param number of the outcome, from 1 @throws UsageError */
export function shownOrder(ran: Ran, number: number): string[] {
	const rows = rowsOf(ran);
	const row = rows[number - 1];
	if (row === undefined)
		throw new UsageError(`--show ${number}: there ${rows.length === 1 ? "is" : "are"} ${plural(rows.length, "outcome")}`);
	if (row.order === undefined) return ["", `outcome ${number}: no order gives it`];
	const { threads, finally: last } = ran.test;
	const answers = new Map(row.outcome.entries.map(({ label, text }) => [label, text]));
	const calls = orderLabels(ran.test, row.order).map(({ label, thread, line, last: ends }) => [
		`  ${label}`,
		threads[thread].lines[line].source,
		ends ? (answers.get(label) ?? "") : "...",
	]);
	const after = last.lines.map(({ source }, at) => [`  finally.${at + 1}`, source, answers.get(`finally.${at + 1}`) ?? ""]);
	return ["", `outcome ${number}, by this order:`, ...table([...calls, ...after])];
}
