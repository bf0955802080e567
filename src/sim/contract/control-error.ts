/** What somebody asked of the simulated machine makes no sense. */
export class ControlError extends Error {
	/** what the command line knows such errors by */
	override readonly name = "InputError";

	constructor(
		message: string,
		readonly hint?: string,
	) {
		super(message);
	}
}
