/** Small decimal numbers that options give: counts, seeds, file descriptors. */
import { UsageError } from "./exit.js";

/**
 * A number of at most nine decimal digits, without leading zeroes.
 * @param what what the message says the text is not @throws UsageError
 */
export function smallNumber(
	text: string,
	option: string,
	what = "a number",
	hint = what === "a number" ? "give 0 to 999999999, in decimal digits" : undefined,
): number {
	if (!/^(?:0|[1-9]\d{0,8})$/.test(text)) throw new UsageError(`${option}: "${text}" is not ${what}`, hint);
	return Number(text);
}
