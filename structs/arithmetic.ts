/** Integer expressions as C writes them: `1<<63`, `4k*16`, `BIT(63)`, `$a+1 == 0x1001`. */
import { InputError } from "./errors.js";

/** An expression as a tree. `at` is an offset in its text. */
export type Expression =
	| { readonly kind: "number"; readonly value: bigint }
	/** `$name.field` */
	| { readonly kind: "variable"; readonly name: string; readonly at: number }
	/** `EINVAL`, or `a.1.errno` in a litmus test */
	| { readonly kind: "name"; readonly name: string; readonly at: number }
	| { readonly kind: "unary"; readonly op: string; readonly of: Expression }
	| { readonly kind: "binary"; readonly op: string; readonly left: Expression; readonly right: Expression; readonly at: number }
	/** BIT(n), GENMASK(high, low) */
	| { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[]; readonly at: number };

/** What names in an expression stand for; undefined: nothing. */
export interface Scope {
	variable?(name: string, at: number): bigint;
	name?(name: string): bigint | undefined;
}

/** An expression that cannot be read, or has no value. `at` is the offset in its text. */
export class ExpressionError extends InputError {
	constructor(
		message: string,
		readonly at: number,
		hint?: string,
	) {
		super(message, hint);
	}
}

/** Binary operators, those that bind least first. */
const levels: readonly (readonly string[])[] = [
	["||"],
	["&&"],
	["|"],
	["^"],
	["&"],
	["==", "!="],
	["<", "<=", ">", ">="],
	["<<", ">>"],
	["+", "-"],
	["*", "/", "%"],
];
const token =
	/\s*(?:(\d\w*)|\$(?:([A-Za-z_]\w*(?:\.\w+)*)|\{([A-Za-z_]\w*(?:\.\w+)*)\})|([A-Za-z_]\w*(?:\.\w+)*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|^~!(),])|(\S))/y;
const functions: Readonly<Record<string, number>> = { BIT: 1, GENMASK: 2 };
/** Parentheses in each other, and operators before an operand. */
const deepest = 100;
/** Numbers, names and operators in one expression. */
const longest = 1000;
/** More than any field has, so that a wrong shift is a message and not a huge number. */
const widest = 128n;

interface Token {
	readonly kind: "number" | "variable" | "name" | "op" | "end";
	readonly text: string;
	readonly at: number;
}

function tokens(text: string): Token[] {
	const found: Token[] = [];
	token.lastIndex = 0;
	for (let at = 0; at < text.length; at = token.lastIndex) {
		token.lastIndex = at;
		const match = token.exec(text);
		if (!match) break;
		if (found.length === longest) throw new ExpressionError(`an expression of more than ${longest} numbers and operators`, at);
		const [whole, number, variable, braced, name, op, other] = match;
		const start = at + whole.length - whole.trimStart().length;
		if (other !== undefined) {
			if (other === "$") throw new ExpressionError("a `$` without a name after it", start, "write $name or $name.field");
			throw new ExpressionError(`"${other}" is not part of an expression`, start);
		}
		if (number !== undefined) found.push({ kind: "number", text: number, at: start });
		else if ((variable ?? braced) !== undefined) found.push({ kind: "variable", text: variable ?? braced, at: start });
		else if (name !== undefined) found.push({ kind: "name", text: name, at: start });
		else found.push({ kind: "op", text: op, at: start });
	}
	found.push({ kind: "end", text: "", at: text.trimEnd().length });
	return found;
}

/**
 * Reads an expression.
 * @param literal the value of a number as it is written, such as `4k` @throws ExpressionError, and what `literal` throws
 */
export function parseExpression(text: string, literal: (text: string) => bigint): Expression {
	const list = tokens(text);
	let next = 0;
	let depth = 0;
	const expected = (what: string): ExpressionError => {
		const { kind, text: found, at } = list[next];
		return new ExpressionError(`${what} is expected${kind === "end" ? "" : `, not "${found}"`}`, at);
	};
	const op = (...wanted: string[]): string | undefined => {
		const { kind, text: found } = list[next];
		if (kind !== "op" || !wanted.includes(found)) return undefined;
		next++;
		return found;
	};
	const deeper = <T>(read: () => T): T => {
		if (++depth > deepest) throw new ExpressionError(`an expression is nested more than ${deepest} deep`, list[next].at);
		const got = read();
		depth--;
		return got;
	};
	const binary = (level: number): Expression => {
		if (level === levels.length) return unary();
		let left = binary(level + 1);
		for (;;) {
			const { at } = list[next];
			const found = op(...levels[level]);
			if (found === undefined) return left;
			left = { kind: "binary", op: found, left, right: binary(level + 1), at };
		}
	};
	const unary = (): Expression => {
		const found = op("-", "~", "!");
		if (found === undefined) return primary();
		// `--1` is a mistake more often than it is 1.
		if (list[next].text === found) throw expected("a number");
		return { kind: "unary", op: found, of: deeper(unary) };
	};
	const primary = (): Expression => {
		const { kind, text: found, at } = list[next];
		if (op("(")) {
			const inner = deeper(() => binary(0));
			if (!op(")")) throw expected("a )");
			return inner;
		}
		if (kind === "number") {
			next++;
			try {
				return { kind, value: literal(found) };
			} catch (error) {
				throw error instanceof InputError ? new ExpressionError(error.message, at, error.hint) : error;
			}
		}
		if (kind === "variable") {
			next++;
			return { kind, name: found, at };
		}
		if (kind !== "name") throw expected("a number");
		next++;
		if (!op("(")) return { kind, name: found, at };
		const wanted = Object.hasOwn(functions, found) ? functions[found] : undefined;
		if (wanted === undefined) throw new ExpressionError(`${found}() is not known`, at, "BIT(n) and GENMASK(high, low) are");
		const args = [deeper(() => binary(0))];
		while (op(",")) args.push(deeper(() => binary(0)));
		if (!op(")")) throw expected("a )");
		if (args.length !== wanted) throw new ExpressionError(`${found}() takes ${wanted === 1 ? "one number" : "two numbers"}`, at);
		return { kind: "call", name: found, args, at };
	};
	const tree = binary(0);
	if (list[next].kind !== "end") throw expected("an operator");
	return tree;
}

const truth = (holds: boolean): bigint => (holds ? 1n : 0n);

/** The value; comparisons are 1 or 0. @throws ExpressionError for a name that stands for nothing, a division by zero, a shift too far */
export function evaluate(tree: Expression, scope: Scope = {}): bigint {
	switch (tree.kind) {
		case "number":
			return tree.value;
		case "variable":
			if (!scope.variable) throw new ExpressionError(`$${tree.name} is not known here`, tree.at);
			return scope.variable(tree.name, tree.at);
		case "name": {
			const value = scope.name?.(tree.name);
			if (value === undefined) throw new ExpressionError(`"${tree.name}" is not known`, tree.at);
			return value;
		}
		case "unary": {
			const value = evaluate(tree.of, scope);
			if (tree.op === "-") return -value;
			return tree.op === "~" ? ~value : truth(value === 0n);
		}
		case "call": {
			const [first, second] = tree.args.map((one) => evaluate(one, scope));
			if (tree.name === "BIT") return shifted(1n, first, tree.at);
			if (second > first) throw new ExpressionError(`GENMASK(${first}, ${second}): the higher bit comes first`, tree.at);
			return shifted(1n, first + 1n, tree.at) - shifted(1n, second, tree.at);
		}
		case "binary":
			return binaryValue(tree, scope);
	}
}

function binaryValue({ op, left, right, at }: Extract<Expression, { kind: "binary" }>, scope: Scope): bigint {
	const a = evaluate(left, scope);
	if (op === "&&" && a === 0n) return 0n;
	if (op === "||" && a !== 0n) return 1n;
	const b = evaluate(right, scope);
	switch (op) {
		case "&&":
		case "||":
			return truth(b !== 0n);
		case "|":
			return a | b;
		case "^":
			return a ^ b;
		case "&":
			return a & b;
		case "==":
			return truth(a === b);
		case "!=":
			return truth(a !== b);
		case "<":
			return truth(a < b);
		case "<=":
			return truth(a <= b);
		case ">":
			return truth(a > b);
		case ">=":
			return truth(a >= b);
		case "<<":
			return shifted(a, b, at);
		case ">>":
			return shifted(a, -b, at);
		case "+":
			return a + b;
		case "-":
			return a - b;
		case "*":
			return a * b;
		default:
			if (b === 0n) throw new ExpressionError("a division by zero", at);
			return op === "/" ? a / b : a % b;
	}
}

/** `by` bits to the left, or with a minus to the right. */
function shifted(value: bigint, by: bigint, at: number): bigint {
	if (by > widest || by < -widest) throw new ExpressionError(`a shift by ${by < 0n ? -by : by} bits: ${widest} at most`, at);
	return by < 0n ? value >> -by : value << by;
}
