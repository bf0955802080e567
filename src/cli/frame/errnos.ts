/** Names and numbers of errnos on the command line. */
import { errnoNames, errnoNumber } from "../../kernel/errno.js";
import { UsageError } from "./exit.js";
import { didYouMean } from "./suggest.js";

export { errnoName } from "../../kernel/errno.js";

/** The number of an errno's name; a number stands for itself. @throws UsageError */
export function errnoByName(text: string): number {
	if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
	const number = errnoNumber(text.toUpperCase());
	if (number === undefined) {
		throw new UsageError(
			`"${text}" is not the name of an errno`,
			didYouMean(text, errnoNames()) ?? "for example ENOENT, EINVAL, EBUSY, EEXIST",
		);
	}
	return number;
}
