/** The hint for a word that is not known. */
import { nearest } from "../../../structs/suggest.js";

/** `did you mean a, b or c?`, or nothing. */
export function didYouMean(typed: string, candidates: Iterable<string>): string | undefined {
	const near = nearest(typed, candidates);
	if (near.length === 0) return undefined;
	const last = near.pop();
	return `did you mean ${near.length > 0 ? `${near.join(", ")} or ${last}` : last}?`;
}
