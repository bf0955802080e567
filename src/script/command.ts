/** Parses a line that is a command: `name = expect ERRNO COMMAND`. */
import type { Placed, Statement } from "./ast.js";
import type { Line } from "./lines.js";
import { plain, type Token } from "./tokens.js";

/** `expect no warning` */
export const noWarning = ["kernel", "log", "--warnings"].map((text) => [{ text }]);

/** What begins a statement that has no answer, and cannot be expected to fail. */
const noCommands = new Set(["echo", "require", "let", "repeat", "for", "if", "function", "parallel", "process", "finally", "sleep"]);

/** @param tokens the command's, at least one @throws ScriptError */
export function parseCommand(line: Line, tokens: readonly Token[], placed: Placed): Statement {
	let rest = tokens;
	let name: string | undefined;
	let expect: string | undefined;
	const text = (at: number): string | undefined => plain(rest[at]?.word);
	const end = tokens[tokens.length - 1].end;
	const fail = (what: string, hint?: string, at = rest[0]?.start ?? end) => line.error(what, at, hint);
	const first = text(0);
	if (text(1) === "=") {
		if (first === undefined || !/^[A-Za-z_]\w*$/.test(first))
			throw fail(
				`"${first ?? line.source.slice(rest[0].start, rest[0].end)}" cannot be a name`,
				"a name has only letters, digits and _, and does not start with a digit",
			);
		name = first;
		rest = rest.slice(2);
	} else if (first !== undefined && /^[A-Za-z_]\w*$/.test(first) && /^=[^=]/.test(text(1) ?? "")) {
		throw fail("a space is expected behind the =", `to keep an answer write \`${first} = COMMAND\``, rest[1].start + 1);
	} else if (first !== undefined && /^[A-Za-z_]\w*=/.test(first)) {
		throw fail(`"${first}" is not a command`, `to keep an answer write \`${first.split("=")[0]} = COMMAND\`, with spaces`);
	}
	if (rest.length === 3 && text(0) === "expect" && text(1) === "no" && text(2) === "warning") {
		if (name !== undefined) throw fail("`expect no warning` has no answer to keep");
		return { ...placed, kind: "command", name, words: noWarning, places: [] };
	}
	if (text(0) === "expect" && text(1) === "no") throw fail("`expect no` is followed by `warning` alone", "expect no warning");
	if (text(0) === "expect") {
		expect = text(1);
		if (expect === undefined || rest.length < 3)
			throw fail("`expect` needs an errno and a command", "for example: expect EEXIST ioas map 1 --iova 0x1000 --length 4k");
		rest = rest.slice(2);
	}
	if (rest.length === 0) throw fail("a command is missing", "a command is expected behind the =");
	if (expect !== undefined && text(1) === "=") throw fail("the name goes before `expect`", `\`${text(0)} = expect ${expect} COMMAND\``);
	const twice =
		expect !== undefined && rest.map(({ word }) => plain(word)).find((word) => word === "--expect" || word?.startsWith("--expect="));
	if (twice) throw fail(`\`expect ${expect}\` and --expect both say which errno is expected`, "give one of them");
	const own = text(0);
	if (own !== undefined && noCommands.has(own) && (expect ?? name) !== undefined)
		throw fail(`\`${own}\` is not a command`, expect === undefined ? "it has no answer to keep" : "it cannot fail");
	return { ...placed, kind: "command", name, expect, words: rest.map(({ word }) => word), places: rest.map(({ start }) => start) };
}
