/** The errors of requests to the machine: that make no sense, or that it refuses. */
import { Problem } from "../../../structs/errors.js";

/** A request to the machine that makes no sense for what is there. */
export class ControlError extends Problem {
	constructor(
		/** what a kernel would answer; positive */
		readonly errno: number,
		message: string,
		hint?: string,
	) {
		super("usage", message, hint);
	}
}

/** A request that makes sense, but that the machine refuses as things are: a failed call, not a mistake of the user. */
export class Refusal extends ControlError {}
