/** The error of what `sim ...` commands are asked. */
import { Problem } from "../../../structs/errors.js";

/** What somebody asked of the machine makes no sense. */
export class ControlError extends Problem {
	constructor(message: string, hint?: string) {
		super("usage", message, hint);
	}
}
