/** Mistakes in a script's text, with their place. */
import { InputError } from "../../structs/errors.js";

/** What is wrong at an offset of a line; `at` counts characters from 0. */
export class Fault extends InputError {
	constructor(
		message: string,
		readonly at: number,
		hint?: string,
	) {
		super(message, hint);
	}
}

/** A script that cannot be read: `file:line:column: what`, both from 1. */
export class ScriptError extends InputError {
	constructor(
		readonly file: string,
		readonly line: number,
		readonly column: number,
		readonly what: string,
		hint?: string,
	) {
		super(`${file}:${line}:${column}: ${what}`, hint);
	}
}
