/** Replaces $name and $name.field in a script's words. */
import { type Outcome, UsageError } from "../../../frame/exit.js";
import { didYouMean } from "../../../frame/suggest.js";
import type { Word } from "./tokens.js";

/** Addresses, lengths and the like are bigints, and hex as in the answer that they come from. */
const show = (value: number | bigint): string => (typeof value === "bigint" && value > 0n ? `0x${value.toString(16)}` : String(value));

/**
 * What `$name` or `$name.field` stands for. Fields go by their uAPI name, with or without `out_`.
 * @throws UsageError if there is none
 */
export function lookUp(variables: ReadonlyMap<string, Outcome>, reference: string): string {
	const [name, ...rest] = reference.split(".");
	const kept = variables.get(name);
	if (!kept) {
		const hint = didYouMean(name, variables.keys()) ?? `an earlier line must say \`${name} = COMMAND\``;
		throw new UsageError(`$${name} is not known`, hint);
	}
	if (rest.length === 0) {
		if (kept.value !== undefined) return show(kept.value);
		throw new UsageError(`$${name} has no value of its own`, fieldsHint(name, kept));
	}
	const field = rest.join(".");
	const fields = kept.fields ?? {};
	const value = fields[field] ?? fields[`out_${field}`];
	if (value === undefined) throw new UsageError(`$${name} has no field ${field}`, fieldsHint(name, kept));
	return show(value);
}

function fieldsHint(name: string, { fields }: Outcome): string {
	const known = Object.keys(fields ?? {}).map((field) => `$${name}.${field}`);
	return known.length > 0 ? `it has ${known.join(", ")}` : "its command has no answer to keep";
}

/** Words as the command gets them. @throws UsageError for an unknown variable */
export function expand(words: readonly Word[], variables: ReadonlyMap<string, Outcome>): string[] {
	return words.map((word) => word.map((piece) => ("text" in piece ? piece.text : lookUp(variables, piece.variable))).join(""));
}
