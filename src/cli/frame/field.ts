/** One field of an answer: for `--get`, and for `$name.field` in scripts. */
import { type Outcome, UsageError } from "./exit.js";

/** Addresses, lengths and the like are bigints, and hex as in the answer that they come from. */
export const showNumber = (value: number | bigint): string =>
	typeof value === "bigint" && value > 0n ? `0x${value.toString(16)}` : String(value);

/** A field by its uAPI name, with or without `out_`; `errno` is how the call went. */
export function findFieldOf({ fields = {}, errno, text }: Outcome, name: string): number | bigint | undefined {
	return fields[name] ?? fields[`out_${name}`] ?? (name === "errno" && text === undefined ? errno : undefined);
}

/** The same as text. @throws UsageError for a field that the answer does not have */
export function fieldOf(outcome: Outcome, name: string): string {
	const value = findFieldOf(outcome, name);
	if (value !== undefined) return showNumber(value);
	const known = Object.keys(outcome.fields ?? {});
	throw new UsageError(`--get: the answer has no field ${name}`, known.length > 0 ? `it has ${known.join(", ")}` : "it has only errno");
}
