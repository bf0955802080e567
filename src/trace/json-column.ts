/** Finds where a text stops being JSON. */
// JSON.parse reports this in words that differ between releases of Node, and often without a position. This code only
// runs after JSON.parse has refused the text.
export interface JsonFault {
	/** from 1 */
	readonly column: number;
	readonly problem: string;
}

class Fault extends Error {}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;
const DEEPEST = 100;

/** The first place at which `text` can no longer be JSON; undefined if it is JSON. */
export function findJsonFault(text: string): JsonFault | undefined {
	let at = 0;
	const space = () => {
		while (at < text.length && " \t\r\n".includes(text[at])) at++;
	};
	const fail = (wanted: string): never => {
		throw new Fault(at >= text.length ? `the line ends where ${wanted} was expected` : `${wanted} expected`);
	};
	const match = (pattern: RegExp): boolean => {
		pattern.lastIndex = at;
		if (!pattern.test(text)) return false;
		at = pattern.lastIndex;
		return true;
	};
	const string = (wanted: string) => {
		if (match(STRING)) return;
		if (text[at] === '"' && !text.includes('"', at + 1)) throw new Fault("a string without its closing quote");
		fail(wanted);
	};
	const list = (close: string, item: () => void) => {
		at++;
		space();
		if (text[at] === close) {
			at++;
			return;
		}
		for (;;) {
			item();
			space();
			if (text[at] === close) break;
			if (text[at] !== ",") fail(`"," or "${close}"`);
			at++;
			space();
		}
		at++;
	};
	const value = (depth: number): void => {
		space();
		if (depth > DEEPEST) throw new Fault("nested too deeply");
		if (text[at] === "{") {
			list("}", () => {
				string('a key in double quotes or "}"');
				space();
				if (text[at] !== ":") fail('":"');
				at++;
				value(depth + 1);
			});
		} else if (text[at] === "[") list("]", () => value(depth + 1));
		else if (text[at] === '"') string("a string");
		else if (!match(NUMBER) && !match(WORD)) fail("a value");
	};
	try {
		value(0);
		space();
		if (at < text.length) fail("the end of the line");
		return undefined;
	} catch (error) {
		if (!(error instanceof Fault)) throw error;
		return { column: at + 1, problem: error.message };
	}
}
