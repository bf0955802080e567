/** The error that `sim ...` commands report. */
import { Problem } from "../../../structs/errors.js";

/** A request to the machine that makes no sense. */
export class ControlError extends Problem {
	constructor(message: string, hint?: string) {
		super("usage", message, hint);
	}
}
