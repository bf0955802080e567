/** Parses a script into statements. */
import { UsageError } from "../../../frame/exit.js";
import { plain, splitWords, type Word } from "./tokens.js";

export interface Statement {
	readonly file: string;
	/** of the statement's first line, from 1 */
	readonly line: number;
	/** as written, continuation lines joined */
	readonly source: string;
	/** `name = ...`: keeps what the command answers as `$name` */
	readonly name?: string;
	/** `expect ERRNO ...` or `expect ERRNO|ERRNO ...` */
	readonly expect?: string;
	/** the command's own words */
	readonly words: readonly Word[];
}

/** Adds the place in the script to what is wrong. */
export function located(error: unknown, file: string, line: number): unknown {
	if (!(error instanceof UsageError)) return error;
	return new UsageError(`${file}:${line}: ${error.message}`, error.hint);
}

/** A `\` at the end of a line joins the next one to it, unless the line is a comment. */
function* logicalLines(text: string): Generator<{ line: number; source: string }> {
	// Some editors put a byte order mark first.
	const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
	for (let at = 0; at < lines.length; at++) {
		const line = at + 1;
		let source = lines[at];
		while (/(?:^|[^\\])(?:\\\\)*\\$/.test(source) && !/^\s*#/.test(source) && at + 1 < lines.length) {
			source = `${source.slice(0, -1).trimEnd()} ${lines[++at].trimStart()}`;
		}
		yield { line, source };
	}
}

/** Parses a whole script. @throws UsageError with file and line */
export function parseScript(text: string, file: string): Statement[] {
	const statements: Statement[] = [];
	for (const { line, source } of logicalLines(text)) {
		try {
			const statement = parseStatement(source, file, line);
			if (statement) statements.push(statement);
		} catch (error) {
			throw located(error, file, line);
		}
	}
	return statements;
}

function parseStatement(source: string, file: string, line: number): Statement | undefined {
	let words = splitWords(source);
	if (words.length === 0) return undefined;
	let name: string | undefined;
	let expect: string | undefined;
	const first = plain(words[0]);
	if (plain(words[1]) === "=") {
		if (first === undefined || !/^[A-Za-z_]\w*$/.test(first)) {
			throw new UsageError(
				`"${first ?? source.trim().split(/\s/)[0]}" cannot be a name`,
				"a name has only letters, digits and _, and does not start with a digit",
			);
		}
		name = first;
		words = words.slice(2);
	} else if (first !== undefined && /^[A-Za-z_]\w*=/.test(first) && !first.startsWith("=")) {
		throw new UsageError(`"${first}" is not a command`, `to keep an answer write \`${first.split("=")[0]} = COMMAND\`, with spaces`);
	}
	if (plain(words[0]) === "expect") {
		expect = plain(words[1]);
		if (expect === undefined || words.length < 3) {
			throw new UsageError("`expect` needs an errno and a command", "for example: expect EEXIST ioas map 1 --iova 0x1000 --length 4k");
		}
		words = words.slice(2);
	}
	if (words.length === 0) throw new UsageError("a command is missing");
	if (expect !== undefined && plain(words[1]) === "=")
		throw new UsageError("the name goes before `expect`", `\`${plain(words[0])} = expect ${expect} COMMAND\``);
	const twice = expect !== undefined && words.map(plain).find((word) => word === "--expect" || word?.startsWith("--expect="));
	if (twice) throw new UsageError(`\`expect ${expect}\` and --expect both say which errno is expected`, "give one of them");
	const own = plain(words[0]);
	if ((own === "echo" || own === "require") && (expect ?? name) !== undefined)
		throw new UsageError(`\`${own}\` is not a command`, expect === undefined ? "it has no answer to keep" : "it cannot fail");
	return { file, line, source: source.trim(), name, expect, words };
}
