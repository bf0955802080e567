/** What --expect says: errnos, or values that a call returns; one of them is to come. */
import { errnoByName } from "./errnos.js";
import { UsageError } from "./exit.js";

/** How a call went: 0 and what it returned, or the errno. */
export interface Went {
	readonly errno: number;
	/** 0 or more where it succeeded */
	readonly ret: number | bigint;
}

interface Expectation {
	/** 0 for success, whatever is returned */
	readonly errnos: readonly number[];
	readonly values: readonly bigint[];
}

/** @throws UsageError */
function parse(text: string): Expectation {
	const words = text.split("|");
	if (words.includes("")) throw new UsageError(`"${text}" lacks an errno`, "for example ENOENT, or 0|ENOENT");
	const isValue = (word: string): boolean => word.startsWith("ret=");
	const values = words.filter(isValue).map((word) => {
		const value = word.slice("ret=".length);
		if (!/^(?:0x[\da-f]+|\d+)$/i.test(value))
			throw new UsageError(`--expect ${text}: "${value}" is not a value that a call returns`, "give 0 or more");
		return BigInt(value);
	});
	// Among several, 0 is success.
	const errnos = words.filter((word) => !isValue(word)).map((word) => (word === "0" && words.length > 1 ? 0 : errnoByName(word)));
	return { errnos, values };
}

/** @throws UsageError for a text that does not say what is expected */
export const checkExpectation = (text: string): void => void parse(text);

/** Whether a call went as expected; without an expectation: whether it succeeded. */
export function isExpected(text: string | undefined, { errno, ret }: Went): boolean {
	if (text === undefined) return errno === 0;
	const { errnos, values } = parse(text);
	return errnos.includes(errno) || (errno === 0 && values.some((value) => value === BigInt(ret)));
}
