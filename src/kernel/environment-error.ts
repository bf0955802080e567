/** What this machine lacks. */
import { Problem } from "../../structs/errors.js";

/** Something that this machine lacks: the command line ends with exit code 3, the message and what to do. */
export class EnvironmentError extends Problem {
	constructor(
		message: string,
		override readonly hint: string,
		options?: ErrorOptions,
	) {
		super("environment", message, hint, options);
	}
}
