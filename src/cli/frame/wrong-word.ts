/** Finds the word of a command line that a message is about. */
import { Problem } from "../../../structs/errors.js";

/** The word's number from 0: a value in quotes, or an option that is named; undefined: the message is about none of them. */
export function wrongWord(message: string, words: readonly string[]): number | undefined {
	const quoted = [...message.matchAll(/"([^"]*)"|'([^']*)'/g)].map(([, one, other]) => one ?? other);
	const options = message.match(/(?<![\w-])--?[a-z][\w-]*/g) ?? [];
	const option = words.findIndex((word) => options.some((one) => word === one || word.startsWith(`${one}=`)));
	if (option >= 0) return quoted.includes(words[option + 1]) ? option + 1 : option;
	const value = words.findIndex((word) => quoted.includes(word));
	return value < 0 ? undefined : value;
}

/** Where it stands, if the command line itself is wrong. */
export function wrongWordAt<P>(error: unknown, words: readonly string[], place: (word: number) => P | undefined): P | undefined {
	const at = error instanceof Problem && error.kind === "usage" ? wrongWord(error.message, words) : undefined;
	return at === undefined ? undefined : place(at);
}
