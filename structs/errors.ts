/** What the user gave is wrong: `message` is one line that says what, where and how to mend it. Never a bug, never an errno. */
export class InputError extends Error {
	override readonly name: string = "InputError";
}
