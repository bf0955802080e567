/** Reads unified diffs of headers: each hunk as it is once it is applied. */
import type { HeaderProblem } from "./problem.js";
import type { SourceLine, Token } from "./tokens.js";
import { tokenize } from "./tokens.js";

/** A stretch of a header that can be parsed. */
export interface Fragment {
	readonly tokens: readonly Token[];
	/** names at the beginning of lines that the diff removes and does not add again */
	readonly removed: readonly string[];
}

const HUNK = /^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)$/;

/** Whether a text is a unified diff: a patch of git, or what diff -u prints. */
export const isDiff = (text: string): boolean => /^--- \S.*\r?\n\+\+\+ \S.*\r?\n@@ -\d/m.test(text);

interface Hunk {
	readonly file: string;
	readonly heading: string;
	readonly lines: readonly SourceLine[];
	readonly removed: readonly string[];
}

/** Whether a line is not one of a hunk any more: the next hunk or file, a mail's signature or its text. */
function endsHunk(lines: readonly string[], at: number): boolean {
	const line = lines[at];
	if (line === "-- ") return true;
	if (line.startsWith("--- ") && lines[at + 1]?.startsWith("+++ ")) return true;
	// An empty line is one of the hunk whose space was lost on the way, if the hunk goes on behind it.
	if (line === "") return !/^[-+ \\]/.test(lines[at + 1] ?? "") || endsHunk(lines, at + 1);
	return !/^[-+ \\]/.test(line);
}

function* hunksOf(text: string): Generator<Hunk> {
	const lines = text.split(/\r?\n/);
	let file = "";
	for (let at = 0; at < lines.length; at++) {
		const to = /^\+\+\+ (?:b\/)?(\S+)/.exec(lines[at]);
		if (to && lines[at - 1]?.startsWith("--- ")) [, file] = to;
		const hunk = HUNK.exec(lines[at]);
		if (!hunk) continue;
		const kept: SourceLine[] = [];
		const minus: string[] = [];
		// The lines say where a hunk ends: in a patch that was edited by hand, its counts do not.
		while (at + 1 < lines.length && !endsHunk(lines, at + 1)) {
			const line = lines[++at];
			const rest = line.slice(1);
			if (line.startsWith("\\")) continue;
			if (line.startsWith("-")) minus.push(rest);
			else kept.push({ text: rest, line: at + 1, ...(line.startsWith("+") && { added: true }) });
		}
		const there = new Set(kept.flatMap((line) => namesIn(line.text)));
		yield { file, heading: hunk[1], lines: kept, removed: minus.flatMap(namesIn).filter((name) => !there.has(name)) };
	}
}

/** The constant or the member that a line declares. */
function namesIn(line: string): string[] {
	const member = /(\w+)\s*(?:\[[^\]]*\]\s*)*(?::\s*\d+\s*)?;/.exec(line);
	const constant = /^\s*([A-Z]\w*)\s*(?:=|,|$)/.exec(line);
	return [member?.[1], constant?.[1]].filter((name) => name !== undefined);
}

/** The hunks of a diff's headers: those of the uAPI, or of any header if there are none. */
export function fragmentsOf(text: string, problems: HeaderProblem[]): Fragment[] {
	const hunks = [...hunksOf(text)].filter(({ file }) => file.endsWith(".h"));
	const uapi = hunks.filter(({ file }) => /(?:^|\/)uapi\//.test(file));
	return (uapi.length > 0 ? uapi : hunks).flatMap((hunk) => fragment(hunk, problems));
}

function fragment({ lines, heading, removed }: Hunk, problems: HeaderProblem[]): Fragment[] {
	const whole = lines.map(({ text }) => text).join("\n");
	const end = whole.indexOf("*/");
	const begin = whole.indexOf("/*");
	const line = lines[0]?.line ?? 1;
	// A hunk may begin or end in the middle of a comment.
	const opened = end >= 0 && (begin < 0 || end < begin) ? [{ text: "/**", line }] : [];
	const closed = whole.lastIndexOf("/*") > whole.lastIndexOf("*/") ? [{ text: " */", line: lines.at(-1)?.line ?? line }] : [];
	const onlyComment = begin < 0 && end < 0 && lines.every(({ text }) => /^\s*\*|^\s*$/.test(text));
	if (onlyComment) return [];
	const tokens = tokenize([...opened, ...lines, ...closed], problems);
	const missing = unopened(tokens);
	if (missing > 1) {
		problems.push({ line, message: "this part of the diff begins inside of a union: make it with more context (git diff -U20)" });
		return [];
	}
	return [{ tokens: missing === 1 || insideOfBody(tokens) ? [...headingTokens(heading, tokens), ...tokens] : tokens, removed }];
}

/** How many braces end in a hunk that began before it. */
function unopened(tokens: readonly Token[]): number {
	let [depth, least] = [0, 0];
	for (const { text, kind } of tokens) {
		if (kind !== "punctuation") continue;
		if (text === "{") depth++;
		if (text === "}") least = Math.min(least, --depth);
	}
	return -least;
}

/** Whether a hunk without braces lies inside of some. */
function insideOfBody(tokens: readonly Token[]): boolean {
	const code = tokens.filter(({ kind }) => kind !== "comment" && kind !== "define" && kind !== "end");
	if (code.length === 0) return false;
	const [first] = code;
	if (!/^(?:struct|union|enum)$/.test(first.text)) return !/^(?:typedef|extern|static|_Static_assert|static_assert)$/.test(first.text);
	const brace = code.findIndex(({ text }) => text === "{");
	const end = code.findIndex(({ text }) => text === ";");
	return end > 1 && (brace < 0 || end < brace) && code[2].text !== ";";
}

/** `struct NAME {` or `enum {` as the hunk's heading says it, or as its lines look. The line 0 marks what was not there. */
function headingTokens(heading: string, tokens: readonly Token[]): Token[] {
	const match = /^(struct|union|enum)\s*(\w*)\s*\{/.exec(heading);
	const token = (kind: Token["kind"], text: string): Token => ({ kind, text, line: 0, first: false });
	const looksLike = tokens.find(({ text }) => [",", "=", ";"].includes(text))?.text === ";" ? "struct" : "enum";
	const [word, name] = match ? [match[1], match[2]] : [looksLike, ""];
	return [token("name", word), ...(name ? [token("name", name)] : []), token("punctuation", "{")];
}
