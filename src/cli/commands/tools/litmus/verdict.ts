/** `forbid` and `require` of a litmus test. */
import { type Expression, evaluate } from "../../../../../structs/index.js";
import type { Outcome, Verdict } from "../../../../litmus/index.js";
import type { Verdict as VerdictNode } from "../../../../script/index.js";
import { UsageError } from "../../../frame/exit.js";
import { located } from "../script/line.js";
import { constant } from "../script/variables.js";

/** What a line of a test says about its outcomes. */
export function verdictOf(node: VerdictNode): Verdict {
	const { kind, line, source, condition } = node;
	return { kind, line, source, holds: (outcome) => holds(condition, outcome, node) };
}

/** @throws UsageError for a name that stands for nothing */
function holds(condition: Expression, { entries }: Outcome, node: VerdictNode): boolean {
	const name = (text: string): bigint | undefined => {
		const match = /^(\w+\.\d+)\.(.+)$/.exec(text);
		if (!match) return constant(text);
		const entry = entries.find(({ label }) => label === match[1]);
		if (entry === undefined) throw new UsageError(`there is no ${match[1]}`, `there are ${entries.map(({ label }) => label).join(", ")}`);
		if (match[2] === "errno") return BigInt(entry.errno);
		const value = entry.fields[match[2]] ?? entry.fields[`out_${match[2]}`];
		if (value === undefined)
			throw new UsageError(`${match[1]} has no field ${match[2]}`, `it has errno, ${Object.keys(entry.fields).join(", ")}`);
		return value;
	};
	try {
		return evaluate(condition, { name }) !== 0n;
	} catch (error) {
		throw located(error, node);
	}
}
