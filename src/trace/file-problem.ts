/** Why a file could not be read, in the words that every command uses. */
const problems: Readonly<Record<string, string>> = {
	ENOENT: "no such file",
	EISDIR: "is a directory",
	EACCES: "not readable (permission denied)",
};

/** `no such file`, for the `code` of an error of Node's. */
export const fileProblem = (code: string): string => problems[code] ?? `cannot be read (${code})`;
