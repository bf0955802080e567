import { errnoNames, errnoNumber } from "../../kernel/errno.js";
import { UsageError } from "./exit.js";
import { didYouMean } from "./suggest.js";

export { errnoName } from "../../kernel/errno.js";

/** The number of an errno's name; a number is taken as it is. @throws UsageError */
export function errnoByName(text: string): number {
	if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
	const number = errnoNumber(text.toUpperCase());
	if (number === undefined) {
		throw new UsageError(`"${text}" is no errno's name`, didYouMean(text, errnoNames()) ?? "for example ENOENT, EINVAL, EBUSY, EEXIST");
	}
	return number;
}
