/** A test's JSON document. */
import type { LitmusTest } from "../../../../litmus/index.js";
import { errnoName } from "../../../frame/errnos.js";
import { judged, type Ran, rowsOf } from "./judge.js";
import { orderLabels } from "./show.js";

const safe = (value: bigint): number | string =>
	value >= 0n && value <= 0xffff_ffffn ? Number(value) : `0x${BigInt.asUintN(64, value).toString(16)}`;

export function documentOf(test: LitmusTest, { kernel, which }: { kernel: string; which: string }, ran?: Ran): object {
	const head = { schema: "iommuctl.litmus", version: 1, file: test.file, about: test.about, kernel, kernelDetail: which };
	if (ran === undefined) return { ...head, failed: false };
	const { exploration, seen } = ran;
	const problems = judged(ran);
	return {
		...head,
		failed: problems.length > 0,
		problems,
		orders: safe(exploration.orders),
		ordersRun: exploration.run,
		complete: exploration.complete,
		rounds: seen?.rounds ?? null,
		seconds: seen === undefined ? null : Number(seen.seconds.toFixed(6)),
		log: seen?.log ?? [],
		logUnread: seen?.noLog ?? null,
		outcomes: rowsOf(ran).map(({ outcome, explained, order, held, orders, rounds, first, broken }) => ({
			answers: outcome.entries.map(({ label, text, errno, fields }) => ({
				line: label,
				text,
				errno: errno === 0 ? null : errnoName(errno),
				fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, safe(value)])),
			})),
			explained: explained === "yes" ? true : explained === "no" ? false : null,
			order: order === undefined ? null : orderLabels(test, order).map(({ label }) => label),
			held: held ?? [],
			orders,
			rounds: rounds ?? null,
			firstRound: first ?? null,
			broken: broken.map(({ line, source }) => ({ line, source })),
		})),
	};
}
