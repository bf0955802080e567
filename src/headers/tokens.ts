/** Splits a C header into tokens, comments included, and follows its #if lines. */
import type { HeaderProblem } from "./problem.js";

/** A line of a header, and its number in the file that was given. */
export interface SourceLine {
	readonly text: string;
	readonly line: number;
	/** of a diff: a line that it adds */
	readonly added?: boolean;
}

export interface Token {
	/** `end`: after the last one; `define`: a whole #define line */
	readonly kind: "name" | "number" | "char" | "string" | "punctuation" | "comment" | "define" | "end";
	readonly text: string;
	readonly line: number;
	/** its line begins with it, without a space */
	readonly first: boolean;
	/** of a define: its name and the tokens of its value; undefined for a macro with arguments */
	readonly define?: { readonly name: string; readonly value: readonly Token[] | undefined };
	readonly added?: boolean;
}

const TOKEN =
	/\s+|(?<name>[A-Za-z_$][\w$]*)|(?<number>(?:0[xX][\da-fA-F]+|0[bB][01]+|\d+)[uUlL]*)|(?<char>'(?:\\.|[^'\\])+')|(?<string>"(?:\\.|[^"\\])*")|(?<punctuation><<|>>|->|\.\.\.|&&|\|\||[=!<>]=|.)/gy;

/** Conditions that are known to hold, or not to; any other #if takes its first branch. */
const CONDITIONS: readonly (readonly [pattern: RegExp, holds: boolean])[] = [
	[/^if\s+0\s*$|__KERNEL__|__cplusplus|BIG_ENDIAN|__ASSEMBL/, false],
	[/LITTLE_ENDIAN/, true],
];

function holds(directive: string): boolean {
	const known = CONDITIONS.find(([pattern]) => pattern.test(directive))?.[1] ?? true;
	// What is not known is not defined: an include guard, as a rule.
	return /^ifndef|!\s*defined/.test(directive) && CONDITIONS.some(([pattern]) => pattern.test(directive)) ? !known : known;
}

/** The tokens of a header's lines. */
export function tokenize(lines: readonly SourceLine[], problems: HeaderProblem[]): Token[] {
	const tokens: Token[] = [];
	/** of each open #if: whether its present branch is read, and whether one was */
	const open: { reading: boolean; taken: boolean }[] = [];
	for (let at = 0; at < lines.length; at++) {
		const { line, added } = lines[at];
		let { text } = lines[at];
		const directive = /^\s*#\s*(\w+.*)/.exec(text);
		if (directive) {
			while (text.endsWith("\\") && at + 1 < lines.length) text = `${text.slice(0, -1)} ${lines[++at].text}`;
			while (unclosed(text) && at + 1 < lines.length) text += `\n${lines[++at].text}`;
			const whole = text.replace(/^\s*#\s*/, "");
			if (!condition(whole, open) && open.every(({ reading }) => reading) && /^define\b/.test(whole)) {
				const define = defined(whole, line);
				if (define) tokens.push({ kind: "define", text: define.name, line, first: true, define, ...(added && { added }) });
				for (const comment of text.match(/\/\*[\s\S]*?\*\//g) ?? [])
					tokens.push({ kind: "comment", text: comment, line, first: false, ...(added && { added }) });
			}
			continue;
		}
		if (!open.every(({ reading }) => reading)) continue;
		at = tokenizeLine(lines, at, tokens, problems);
	}
	tokens.push({ kind: "end", text: "the end of the file", line: lines.at(-1)?.line ?? 1, first: true });
	return tokens;
}

const unclosed = (text: string): boolean => text.lastIndexOf("/*") > text.lastIndexOf("*/");

/** Follows #if, #else and #endif. @returns whether the line is one of them */
function condition(directive: string, open: { reading: boolean; taken: boolean }[]): boolean {
	const last = open.at(-1);
	if (/^if/.test(directive)) {
		const reading = holds(directive);
		open.push({ reading, taken: reading });
	} else if (/^el/.test(directive)) {
		if (last === undefined) return true;
		last.reading = !last.taken && (/^else/.test(directive) || holds(directive));
		last.taken ||= last.reading;
	} else if (/^endif/.test(directive)) open.pop();
	else return false;
	return true;
}

function defined(directive: string, line: number): Token["define"] {
	const match = /^define\s+([A-Za-z_]\w*)(\()?([\s\S]*)/.exec(directive);
	if (!match) return undefined;
	const [, name, withArguments, rest] = match;
	if (withArguments) return { name, value: undefined };
	const value: Token[] = [];
	split(rest.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/\/\/.*/, ""), line, value, undefined);
	return { name, value };
}

/** The tokens of a line, and of the lines that a comment in it goes on to. @returns the last line's index */
function tokenizeLine(lines: readonly SourceLine[], from: number, tokens: Token[], problems: HeaderProblem[]): number {
	let at = from;
	let rest = lines[at].text;
	let first = true;
	for (;;) {
		const { line, added } = lines[at];
		const begin = rest.search(/\/\*|\/\//);
		const code = begin < 0 ? rest : rest.slice(0, begin);
		const before = tokens.length;
		split(code, line, tokens, added);
		if (first && tokens.length > before && /^\S/.test(code)) tokens[before] = { ...tokens[before], first: true };
		first &&= tokens.length === before;
		if (begin < 0) return at;
		if (rest.startsWith("//", begin)) {
			tokens.push({ kind: "comment", text: rest.slice(begin), line, first, ...(added && { added }) });
			return at;
		}
		let text = rest.slice(begin);
		while (text.indexOf("*/", 2) < 0) {
			if (at + 1 >= lines.length) {
				problems.push({ line, message: "a comment does not end" });
				return at;
			}
			text += `\n${lines[++at].text}`;
		}
		const end = text.indexOf("*/", 2) + 2;
		tokens.push({ kind: "comment", text: text.slice(0, end), line, first, ...(added && { added }) });
		rest = text.slice(end);
		first = false;
	}
}

function split(code: string, line: number, into: Token[], added: boolean | undefined): void {
	for (const { groups, 0: text } of code.matchAll(TOKEN)) {
		const kind = Object.entries(groups ?? {}).find(([, value]) => value !== undefined)?.[0] as Token["kind"] | undefined;
		if (kind !== undefined) into.push({ kind, text, line, first: false, ...(added && { added }) });
	}
}
