/** Splits a line of a script into words. */
import { Fault } from "./error.js";

/** A piece of a word: text as it is, or a variable to replace when the command runs. */
export type Piece = { readonly text: string } | { readonly variable: string };
export type Word = readonly Piece[];

/** A word, and where in its line it stands: offsets from 0, `end` behind it. */
export interface Token {
	readonly word: Word;
	readonly start: number;
	readonly end: number;
	/** the word as it is written, without quotes, escapes and variables; else undefined */
	readonly bare?: string;
}

const variableName = /^(?:([A-Za-z_]\w*(?:\.\w+)*)|\{([A-Za-z_]\w*(?:\.\w+)*)\})/;

/**
 * Splits a command line into words as a shell would: quotes, `\` before one character, `#` comments, `$name`,
 * `$name.field`, `${name}`. Variables in single quotes are not replaced. @throws Fault
 */
export function scan(line: string): Token[] {
	const tokens: Token[] = [];
	let pieces: Piece[] | undefined;
	let start = 0;
	const begin = () => {
		if (!pieces) start = at;
		pieces ??= [];
	};
	const add = (piece: Piece) => {
		pieces ??= [];
		const last = pieces.at(-1);
		if ("text" in piece && last && "text" in last) pieces[pieces.length - 1] = { text: last.text + piece.text };
		else pieces.push(piece);
	};
	const finish = () => {
		if (!pieces) return;
		const raw = line.slice(start, at);
		const text = plain(pieces);
		tokens.push({ word: pieces, start, end: at, bare: text === raw && raw !== "" ? raw : undefined });
		pieces = undefined;
	};
	/** the position after the variable that starts at `from` */
	const variable = (from: number): number => {
		const match = variableName.exec(line.slice(from + 1));
		if (!match) throw new Fault("a `$` without a name after it", from, "write $name or $name.field; \\$ is a dollar sign");
		add({ variable: match[1] ?? match[2] });
		return from + 1 + match[0].length;
	};
	let at = 0;
	while (at < line.length) {
		const char = line[at];
		if (char === " " || char === "\t") {
			finish();
			at++;
			continue;
		}
		if (char === "#" && !pieces) break;
		begin();
		if (char === "\\") {
			if (at + 1 < line.length) add({ text: line[at + 1] });
			at = Math.min(at + 2, line.length);
		} else if (char === "'") {
			const end = line.indexOf("'", at + 1);
			if (end < 0) throw new Fault("a ' is not closed", at, "another ' is expected on the same line");
			add({ text: line.slice(at + 1, end) });
			at = end + 1;
		} else if (char === '"') {
			const opened = at;
			add({ text: "" });
			at++;
			while (at < line.length && line[at] !== '"') {
				if (line[at] === "$") at = variable(at);
				else {
					if (line[at] === "\\" && at + 1 < line.length) at++;
					add({ text: line[at++] });
				}
			}
			if (at >= line.length) throw new Fault('a " is not closed', opened, 'another " is expected on the same line');
			at++;
		} else if (char === "$") {
			at = variable(at);
		} else {
			add({ text: char });
			at++;
		}
	}
	finish();
	return tokens;
}

/** The words of a line alone. @throws Fault */
export const splitWords = (line: string): Word[] => scan(line).map(({ word }) => word);

/** The word's text, if it has no variable. */
export function plain(word: Word | undefined): string | undefined {
	if (!word) return undefined;
	if (word.length === 0) return "";
	const [first] = word;
	return word.length === 1 && "text" in first ? first.text : undefined;
}
