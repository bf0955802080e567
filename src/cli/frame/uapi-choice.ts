/** Which headers a command line names, found before anything else is read of it. */
import type { Io } from "./io.js";

/** The headers to take in. */
export interface UapiFiles {
	/** as they were given */
	readonly files: readonly string[];
	/** they are the shell's (IOMMUCTL_UAPI_FILE): what is remarkable about them is not said at every command */
	readonly quiet: boolean;
}

export const uapiFileVariable = "IOMMUCTL_UAPI_FILE";
export const uapiFileOption = "--uapi-file";

/** The values of --uapi-file among words, up to a `--`. */
export function uapiFileWords(words: readonly string[]): string[] {
	const end = words.indexOf("--");
	const own = end < 0 ? words : words.slice(0, end);
	return own.flatMap((word, at) => {
		if (word.startsWith(`${uapiFileOption}=`)) return [word.slice(uapiFileOption.length + 1)];
		return word === uapiFileOption && own[at + 1] !== undefined ? [own[at + 1]] : [];
	});
}

/** The headers of the shell and of the command line, in this order; nothing where there is none. */
export function uapiFiles(given: readonly string[], { env }: Pick<Io, "env">): UapiFiles[] {
	const shell = (env[uapiFileVariable] ?? "").split(":").filter(Boolean);
	return [...(shell.length > 0 ? [{ files: shell, quiet: true }] : []), ...(given.length > 0 ? [{ files: given, quiet: false }] : [])];
}

/** What is said of a number that a header gives to another call. */
export function replacedText(call: {
	readonly name: string;
	readonly request: number;
	readonly replaces: string;
	readonly header: string;
}): string {
	return `${call.header}: 0x${call.request.toString(16)} is ${call.name} here, not ${call.replaces}`;
}
