/** What loops, functions and `sleep` of a script go over. */

import { type Block, type FunctionNode, type Item, noWarning, type Sleep, walk } from "../../../../script/index.js";
import { parseDuration } from "../../../../session/duration.js";
import { type Outcome, UsageError } from "../../../frame/exit.js";
import { plural } from "../../../frame/text.js";
import { expand, numberOf, textOutcome, type Variables } from "./variables.js";

/** Every name that a script gives to something. */
export function assignedNames(block: Block): Set<string> {
	const names = new Set<string>();
	for (const node of walk(block)) {
		if (node.kind === "let" || node.kind === "for" || (node.kind === "command" && node.name !== undefined)) names.add(node.name as string);
	}
	return names;
}

/** What `for` goes over, one after another: words, and the numbers of ranges. @throws UsageError */
export function* itemsOf(items: readonly Item[], variables: Variables): Generator<string | bigint> {
	for (const item of items) {
		if ("word" in item) yield expand([item.word], variables, [item.at])[0];
		else {
			const last = numberOf(item.last, variables);
			for (let at = numberOf(item.from, variables); at <= last; at++) yield at;
		}
	}
}

/** The time of a `sleep`, ms. @throws UsageError, SessionError */
export const timesOf = ({ time, at }: Sleep, variables: Variables): number => parseDuration(expand([time], variables, [at])[0], "sleep");

/** What a function's parameters stand for in one call. @throws UsageError */
export function parametersOf({ name, parameters }: FunctionNode, given: readonly string[]): [string, Outcome][] {
	if (given.length !== parameters.length) {
		const takes = parameters.length === 0 ? "no arguments" : `${plural(parameters.length, "argument")}: ${parameters.join(" ")}`;
		throw new UsageError(`${name} takes ${takes}`, given.length === 0 ? "none was given" : `${given.length} given: ${given.join(" ")}`);
	}
	return parameters.map((parameter, at) => [parameter, textOutcome(given[at])]);
}

/** What `--var NAME=VALUE` gives. @throws UsageError */
export function variableGiven(text: string): [string, Outcome] {
	const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(text);
	if (!match) throw new UsageError(`--var ${text}: expected a name and a value`, "for example --var length=4k");
	return [match[1], textOutcome(match[2])];
}

/** Whether a script has a line `expect no warning`. */
export const expectsNoWarning = (block: Block): boolean =>
	[...walk(block)].some((node) => node.kind === "command" && node.words === noWarning);
