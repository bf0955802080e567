/** Parses a script into a tree. */
import { type Expression, parseExpression } from "../../structs/arithmetic.js";
import { parseNumber } from "../../structs/parse.js";
import type { Block, If, Item, Node, Placed } from "./ast.js";
import { parseCommand } from "./command.js";
import { Cursor } from "./cursor.js";
import type { ScriptError } from "./error.js";
import { type Line, readLines } from "./lines.js";
import type { Token } from "./tokens.js";

export interface ParseOptions {
	/** the file is a litmus test: `setup`, `thread`, `forbid`, and `require` over answers */
	readonly litmus?: boolean;
}

/** Blocks in each other. */
const deepest = 50;
const identifier = /^[A-Za-z_]\w*$/;
const functionName = /^[A-Za-z_][\w-]*$/;
/** What `require` has in every script. */
const requirements = new Set(["kernel", "ioctl", "uapi", "device", "selftest"]);

/** Parses a whole script. @throws ScriptError with file, line and column */
export function parseScript(text: string, file: string, options: ParseOptions = {}): Block {
	const cursor = new Cursor([...readLines(text, file)]);
	return new Parser(cursor, options).script();
}

class Parser {
	#depth = 0;
	readonly #keywords: Readonly<Record<string, (placed: Placed) => Node>> = {
		let: (placed) => this.#let(placed),
		repeat: (placed) => ({ ...placed, kind: "repeat", count: this.#expression("a number of times"), body: this.#block() }),
		for: (placed) => this.#for(placed),
		if: (placed) => this.#if(placed),
		function: (placed) => this.#function(placed),
		parallel: (placed) => this.#parallel(placed),
		process: (placed) => ({ ...placed, kind: "process", name: this.#name("a name for the process"), body: this.#block() }),
		finally: (placed) => this.#finally(placed),
		sleep: (placed) => {
			const { word, start } = this.#word("a time, such as 100ms");
			this.#end();
			return { ...placed, kind: "sleep", time: word, at: start };
		},
		setup: (placed) => ({ ...this.#litmus(placed, "setup"), kind: "setup", body: this.#block() }),
		thread: (placed) => ({
			...this.#litmus(placed, "thread"),
			kind: "thread",
			name: this.#name("a name for the thread"),
			body: this.#block(),
		}),
		forbid: (placed) => ({ ...this.#litmus(placed, "forbid"), kind: "forbid", condition: this.#lastExpression("a condition") }),
	};

	constructor(
		readonly cursor: Cursor,
		readonly options: ParseOptions,
	) {}

	script(): Block {
		const nodes = this.#statements();
		if (this.cursor.skipLines()) throw this.#error("a } that closes nothing", "every } belongs to a { before it");
		return nodes;
	}

	/** Statements up to a `}` or the end. */
	#statements(): Node[] {
		const nodes: Node[] = [];
		while (this.cursor.skipLines() && !this.cursor.is("}")) {
			const last = nodes.at(-1);
			if (last?.kind === "finally" && !this.options.litmus)
				throw this.#error(
					"`finally` is the last part of its block",
					this.#depth > 0 ? "a } is expected" : "the end of the script is expected",
				);
			nodes.push(this.#statement());
		}
		return nodes;
	}

	#statement(): Node {
		const { line } = this.cursor;
		const first = this.cursor.token as Token;
		const whole = this.cursor.atStart;
		const { start } = first;
		const placed = (source: string): Placed => {
			return { file: line.file, ...line.place(start), source, start, ...(line.parts.length > 1 && { parts: line.parts }) };
		};
		const word = first.bare;
		const keyword = word !== undefined && Object.hasOwn(this.#keywords, word) ? this.#keywords[word] : undefined;
		if (keyword && line.tokens[line.tokens.indexOf(first) + 1]?.bare !== "=") {
			this.cursor.take();
			const node = keyword(placed(firstLine(line, first, whole)));
			const next = this.cursor.token;
			// The } behind it belongs to the block around.
			if ((node.kind !== "let" && node.kind !== "sleep") || next === undefined) return node;
			return { ...node, source: line.source.slice(first.start, line.tokens[line.tokens.indexOf(next) - 1].end) };
		}
		if (word === "require" && this.options.litmus && !requirements.has(line.tokens[line.tokens.indexOf(first) + 1]?.bare ?? "")) {
			this.cursor.take();
			return { ...placed(firstLine(line, first, whole)), kind: "require", condition: this.#lastExpression("a condition") };
		}
		if (word === "{")
			throw this.#error("a { without anything before it", "a command is expected; blocks are those of repeat, for, if and so on");
		if (word === "else") throw this.#error("an `else` without an `if`", "it follows the } of an `if` on the same line");
		const tokens = this.#restOfLine();
		const all = whole && this.cursor.token === undefined;
		const source = all ? line.source.trim() : line.source.slice(first.start, tokens.at(-1)?.end);
		return parseCommand(line, tokens, placed(source));
	}

	/** The words up to the end of the line, or in a block up to its `}`. */
	#restOfLine(): Token[] {
		const tokens: Token[] = [];
		while (this.cursor.token && !(this.#depth > 0 && this.cursor.is("}"))) tokens.push(this.cursor.take() as Token);
		return tokens;
	}

	#block(): Block {
		const { line, at } = this.cursor;
		if (!this.cursor.is("{")) throw this.#error("a { is expected", "it stands on the line that begins the block");
		if (this.#depth === deepest) throw this.#error(`blocks are nested more than ${deepest} deep`);
		this.cursor.take();
		this.#depth++;
		const nodes = this.#statements();
		if (!this.cursor.is("}")) throw line.error("the { here is not closed", at, "a } is expected");
		this.#depth--;
		this.cursor.take();
		if (!this.cursor.is("{") && !this.cursor.is("else")) this.#end();
		return nodes;
	}

	/** Nothing more may stand on the line, except what closes the block around. */
	#end(): void {
		if (this.cursor.token && !(this.#depth > 0 && this.cursor.is("}"))) throw this.#error("the end of the line is expected");
	}

	#let(placed: Placed): Node {
		const name = this.#name("a name");
		if (!this.cursor.is("=")) throw this.#error("a = is expected", "let NAME = EXPRESSION, with spaces around the =");
		this.cursor.take();
		return { ...placed, kind: "let", name, value: this.#lastExpression("an expression") };
	}

	#for(placed: Placed): Node {
		const name = this.#name("a name");
		if (!this.cursor.is("in")) throw this.#error("`in` is expected", "for NAME in ITEM... {");
		this.cursor.take();
		const items: Item[] = [];
		while (this.cursor.token && !this.cursor.is("{")) items.push(this.#item(this.cursor.take() as Token));
		if (items.length === 0) throw this.#error("a word or a range such as 0..9 is expected");
		return { ...placed, kind: "for", name, items, body: this.#block() };
	}

	#item({ word, start, end }: Token): Item {
		const { line } = this.cursor;
		const range = /^([\d$(~-].*?)\.\.(.+)$/.exec(line.source.slice(start, end));
		if (!range) return { word, at: start };
		const [, from, last] = range;
		return { from: this.#parsed(line, from, start), last: this.#parsed(line, last, start + from.length + 2) };
	}

	#if(placed: Placed): If {
		const condition = this.#expression("a condition");
		const body = this.#block();
		if (this.cursor.is("{")) throw this.#error("the end of the line or `else` is expected");
		if (!this.cursor.is("else")) return { ...placed, kind: "if", condition, body, otherwise: [] };
		this.cursor.take();
		if (!this.cursor.is("if")) {
			const otherwise = this.#block();
			this.#end();
			return { ...placed, kind: "if", condition, body, otherwise };
		}
		if (++this.#depth > deepest) throw this.#error(`blocks are nested more than ${deepest} deep`);
		const otherwise = [this.#statement()];
		this.#depth--;
		return { ...placed, kind: "if", condition, body, otherwise };
	}

	#function(placed: Placed): Node {
		if (this.#depth > 0)
			throw this.cursor.line.error("a function inside of a block", placed.start, "functions stand at the top of a script");
		const name = this.#name("a name for the function", functionName);
		const parameters: string[] = [];
		while (this.cursor.token && !this.cursor.is("{")) {
			if (parameters.includes(this.cursor.token.bare ?? "")) throw this.#error(`two parameters are called ${this.cursor.token.bare}`);
			parameters.push(this.#name("a parameter's name or a {"));
		}
		return { ...placed, kind: "function", name, parameters, body: this.#block() };
	}

	#parallel(placed: Placed): Node {
		const branches = [this.#block()];
		while (this.cursor.is("{")) branches.push(this.#block());
		if (branches.length < 2)
			throw this.#error("a second { is expected", "parallel { ... } { ... }: it stands on the line of the } before it");
		this.#end();
		return { ...placed, kind: "parallel", branches };
	}

	#finally(placed: Placed): Node {
		const body = this.#block();
		this.#end();
		return { ...placed, kind: "finally", body };
	}

	#litmus(placed: Placed, word: string): Placed {
		if (this.options.litmus) return placed;
		const hint = "run the file by `iommuctl litmus`; a script has `parallel { } { }`";
		throw this.cursor.line.error(`\`${word}\` belongs to a litmus test`, placed.start, hint);
	}

	#word(what: string): Token {
		if (!this.cursor.token || this.cursor.is("{") || this.cursor.is("}")) throw this.#error(`${what} is expected`);
		return this.cursor.take() as Token;
	}

	#name(what: string, pattern = identifier): string {
		const text = this.cursor.token?.bare;
		if (text === undefined || !pattern.test(text))
			throw this.#error(`${what} is expected${this.cursor.token ? `, not ${this.#shown()}` : ""}`, "letters, digits and _");
		this.cursor.take();
		return text;
	}

	/** An expression up to the `{` of a block. */
	#expression(what: string): Expression {
		const { line } = this.cursor;
		const tokens: Token[] = [];
		while (this.cursor.token && !this.cursor.is("{")) tokens.push(this.cursor.take() as Token);
		if (tokens.length === 0) throw this.#error(`${what} is expected`);
		return this.#parsed(line, line.source.slice(tokens[0].start, tokens.at(-1)?.end), tokens[0].start);
	}

	/** An expression up to the end of the line. */
	#lastExpression(what: string): Expression {
		const { line } = this.cursor;
		const tokens = this.#restOfLine();
		if (tokens.length === 0) throw this.#error(`${what} is expected`);
		return this.#parsed(line, line.source.slice(tokens[0].start, tokens.at(-1)?.end), tokens[0].start);
	}

	#parsed(line: Line, text: string, start: number): Expression {
		try {
			// Its own offsets are then those of the line.
			return parseExpression(" ".repeat(start) + text, (one) => parseNumber(one));
		} catch (error) {
			throw line.located(error, 0);
		}
	}

	#shown(): string {
		const { token, line } = this.cursor;
		return token ? `"${line.source.slice(token.start, token.end)}"` : "the end of the line";
	}

	#error(what: string, hint?: string): ScriptError {
		return this.cursor.line.error(what, this.cursor.at, hint);
	}
}

/** What opens a block, up to its first `{`; of other statements the whole line. */
function firstLine(line: Line, first: Token, whole: boolean): string {
	const from = line.tokens.indexOf(first);
	const open = line.tokens.slice(from).find(({ bare }) => bare === "{");
	if (open) return line.source.slice(first.start, open.end);
	return whole ? line.source.trim() : line.source.slice(first.start, line.tokens.at(-1)?.end);
}
