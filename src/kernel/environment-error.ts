/** The error for something that this machine lacks. */
import { Problem } from "../../structs/errors.js";

/** This machine lacks something: the command line exits with code 3, the message and what to do. */
export class EnvironmentError extends Problem {
	constructor(
		message: string,
		override readonly hint: string,
		options?: ErrorOptions,
	) {
		super("environment", message, hint, options);
	}
}
