/** Splits a line of a script into words. */
import { UsageError } from "../../../frame/exit.js";

/** A piece of a word: text as it is, or a variable to replace when the command runs. */
export type Piece = { readonly text: string } | { readonly variable: string };
export type Word = readonly Piece[];

const variableName = /^(?:([A-Za-z_]\w*(?:\.\w+)*)|\{([A-Za-z_]\w*(?:\.\w+)*)\})/;

/**
 * Splits a command line into words as a shell would: quotes, `\` before one character, `#` comments, `$name`,
 * `$name.field`, `${name}`. Variables in single quotes are not replaced.
 */
export function splitWords(line: string): Word[] {
	const words: Word[] = [];
	let pieces: Piece[] | undefined;
	const add = (piece: Piece) => {
		pieces ??= [];
		const last = pieces.at(-1);
		if ("text" in piece && last && "text" in last) pieces[pieces.length - 1] = { text: last.text + piece.text };
		else pieces.push(piece);
	};
	/** the position after the variable that starts at `at` */
	const variable = (at: number): number => {
		const match = variableName.exec(line.slice(at + 1));
		if (!match) {
			throw new UsageError("a `$` without a name after it", "write $name or $name.field; \\$ is a dollar sign");
		}
		add({ variable: match[1] ?? match[2] });
		return at + 1 + match[0].length;
	};
	let at = 0;
	while (at < line.length) {
		const char = line[at];
		if (char === " " || char === "\t") {
			if (pieces) words.push(pieces);
			pieces = undefined;
			at++;
		} else if (char === "#" && !pieces) {
			break;
		} else if (char === "\\") {
			if (at + 1 < line.length) add({ text: line[at + 1] });
			at += 2;
		} else if (char === "'") {
			const end = line.indexOf("'", at + 1);
			if (end < 0) throw new UsageError("a ' is not closed");
			add({ text: line.slice(at + 1, end) });
			at = end + 1;
		} else if (char === '"') {
			add({ text: "" });
			at++;
			while (at < line.length && line[at] !== '"') {
				if (line[at] === "$") at = variable(at);
				else {
					if (line[at] === "\\" && at + 1 < line.length) at++;
					add({ text: line[at++] });
				}
			}
			if (at >= line.length) throw new UsageError('a " is not closed');
			at++;
		} else if (char === "$") {
			at = variable(at);
		} else {
			add({ text: char });
			at++;
		}
	}
	if (pieces) words.push(pieces);
	return words;
}

/** The word's text, if it has no variable. */
export function plain(word: Word | undefined): string | undefined {
	if (!word) return undefined;
	if (word.length === 0) return "";
	const [first] = word;
	return word.length === 1 && "text" in first ? first.text : undefined;
}
