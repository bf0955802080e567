/** What must hold of a test's outcomes. */
import type { Outcome } from "./outcome.js";

/** `forbid`: no outcome may fulfil it; `require`: every outcome must. */
export interface Verdict {
	readonly kind: "forbid" | "require";
	/** in the file, from 1 */
	readonly line: number;
	readonly source: string;
	holds(outcome: Outcome): boolean;
}

/** Those that an outcome breaks. */
export function broken(verdicts: readonly Verdict[], outcome: Outcome): Verdict[] {
	return verdicts.filter(({ kind, holds }) => holds(outcome) === (kind === "forbid"));
}
