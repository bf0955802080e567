/** What was not understood in a header, and where. */

/** A part of a header that was left out. */
export interface HeaderProblem {
	/** counted from 1, of the file as it was given (a diff's own lines) */
	readonly line: number;
	/** what was not understood, and what was left out for it */
	readonly message: string;
	/** the struct or union that was left out for it */
	readonly lost?: string;
}

/** Ends the reading of one declaration; the next one is read again. */
export class DeclarationError extends Error {
	constructor(
		readonly line: number,
		message: string,
	) {
		super(message);
		this.name = "DeclarationError";
	}
}
