/** How a command ends. */
import { exitCode, Problem } from "../../../structs/errors.js";

export { exitCode } from "../../../structs/errors.js";

/** How a command ended, and what a script may go on with. */
export interface Outcome {
	readonly exit: number;
	/** of the last system call; 0 where it succeeded or none was made */
	readonly errno: number;
	/** the new object's ID, file's number or memory's address: what `name = command` keeps */
	readonly value?: number | bigint;
	/** a word that stands for itself, where there is no number: of `for` and `--var` */
	readonly text?: string;
	/** in a script: where the word stands that is wrong, if one is known to be */
	readonly at?: { readonly line: number; readonly column: number };
	/** further answers by field name: `$name.field` */
	readonly fields?: Readonly<Record<string, number | bigint>>;
}

export const done: Outcome = { exit: exitCode.done, errno: 0 };

/** Outcome of a command that a session received but the caller must run itself. */
export const elsewhere: Outcome = { exit: exitCode.internal, errno: 0 };

/** What the user did wrong on the command line or in a file: one line that says what and where, and one that says how to fix it. */
export class UsageError extends Problem {
	constructor(message: string, hint?: string) {
		super("usage", message, hint);
	}
}
