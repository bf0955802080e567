/** Something that this machine lacks: the command line ends with exit code 3, the message and what to do. */
export class EnvironmentError extends Error {
	override readonly name = "EnvironmentError";

	constructor(
		message: string,
		/** what to do about it, a sentence */
		readonly hint: string,
		options?: ErrorOptions,
	) {
		super(message, options);
	}
}
