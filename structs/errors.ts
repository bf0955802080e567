/** The error for wrong input. */
/** The user's input is wrong: `message` is one line that says what, where and how to fix it. Never a bug, never an errno. */
export class InputError extends Error {
	override readonly name: string = "InputError";
}
