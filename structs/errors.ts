/** Errors that end a command, by whose fault they are, and the exit codes that follow. */

/** Exit codes of every command. */
export const exitCode = {
	done: 0,
	/** the call, or a check, failed */
	failed: 1,
	usage: 2,
	/** no device, no permission, FFI not loadable */
	environment: 3,
	/** a bug in iommuctl */
	internal: 4,
	/** everything was skipped */
	skipped: 77,
} as const;

/** Whose fault it is, as in JSON errors: the input (typed or in a file), this machine, or iommuctl. It decides the exit code. */
export type ProblemKind = "usage" | "environment" | "internal";

/** An error that ends a command: `message` is one line that says what is wrong and where. */
export class Problem extends Error {
	constructor(
		readonly kind: ProblemKind,
		message: string,
		/** what to do about it, one line */
		readonly hint?: string,
		options?: ErrorOptions,
	) {
		super(message, options);
		this.name = new.target.name;
	}
}

/** The user's input is wrong: `message` is one line that says what, where and how to fix it. Never a bug, never an errno. */
export class InputError extends Problem {
	constructor(message: string, hint?: string) {
		super("usage", message, hint);
	}
}
