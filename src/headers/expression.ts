/** Works out constant expressions: `1 << 3`, `IOMMUFD_CMD_BASE + 2`, `(';')`, `~0U`. */
import type { Token } from "./tokens.js";

/** The value of a name; undefined if it is not known. */
export type Lookup = (name: string) => bigint | undefined;

/** Why an expression has no value. */
export class ExpressionError extends Error {}

const LEVELS: readonly Readonly<Record<string, (a: bigint, b: bigint) => bigint>>[] = [
	{ "|": (a, b) => a | b },
	{ "^": (a, b) => a ^ b },
	{ "&": (a, b) => a & b },
	{ "<<": (a, b) => a << shift(b), ">>": (a, b) => a >> shift(b) },
	{ "+": (a, b) => a + b, "-": (a, b) => a - b },
	{ "*": (a, b) => a * b, "/": (a, b) => a / divisor(b), "%": (a, b) => a % divisor(b) },
];

/** Bytes of the types that a cast or sizeof may name; negative: with a sign. */
const TYPES: Readonly<Record<string, number>> = Object.assign(Object.create(null), {
	...{ __u8: 1, __u16: 2, __u32: 4, __u64: 8, __aligned_u64: 8, __s8: -1, __s16: -2, __s32: -4, __s64: -8 },
	...{ __le16: 2, __le32: 4, __le64: 8, __be16: 2, __be32: 4, __be64: 8, uint32_t: 4, uint64_t: 8, size_t: 8 },
	...{ int: -4, unsigned: 4, "unsigned int": 4, long: -8, "unsigned long": 8, "long long": -8, "unsigned long long": 8 },
});

/** Bits of the widest constant. */
const WIDTH = 64n;

function shift(by: bigint): bigint {
	if (by < 0n || by >= WIDTH) throw new ExpressionError(`a shift by ${by}`);
	return by;
}

function divisor(n: bigint): bigint {
	if (n === 0n) throw new ExpressionError("a division by zero");
	return n;
}

/** The value of all of these tokens. @throws ExpressionError that says what is not understood */
export function evaluate(tokens: readonly Token[], lookup: Lookup): bigint {
	let at = 0;
	const next = (): string => tokens[at]?.text ?? "";
	const binary = (level: number): bigint => {
		if (level === LEVELS.length) return unary();
		let value = binary(level + 1);
		for (;;) {
			const operate = Object.hasOwn(LEVELS[level], next()) ? LEVELS[level][next()] : undefined;
			if (operate === undefined) return value;
			at++;
			value = operate(value, binary(level + 1));
		}
	};
	const unary = (): bigint => {
		const token = tokens[at++];
		if (token === undefined) throw new ExpressionError("the value ends too early");
		if (token.text === "-") return -unary();
		if (token.text === "+") return unary();
		if (token.text === "~") {
			const from = at;
			const value = ~unary();
			return unsigned(value, tokens.slice(from, at));
		}
		if (token.text === "(") {
			const cast = typeAt(at);
			if (cast !== undefined) {
				at = cast.end;
				return cast.bits(unary());
			}
			const value = binary(0);
			if (next() !== ")") throw new ExpressionError(`"${next()}" where a ) is expected`);
			at++;
			return value;
		}
		if (token.kind === "number") return number(token.text);
		if (token.kind === "char" && /^'[^\\]'$/.test(token.text)) return BigInt(token.text.charCodeAt(1));
		if (token.kind === "name") {
			if (token.text === "sizeof" && next() === "(") {
				const type = typeAt(at + 1);
				if (type === undefined) throw new ExpressionError("sizeof is known of numbers only");
				at = type.end;
				return BigInt(type.size);
			}
			// Macros around a constant: _BITUL(3).
			if ((token.text === "_BITUL" || token.text === "_BITULL" || token.text === "BIT" || token.text === "BIT_ULL") && next() === "(")
				return 1n << shift(unary());
			const value = lookup(token.text);
			if (value === undefined) throw new ExpressionError(`${token.text} is not known`);
			return value;
		}
		throw new ExpressionError(`"${token.text}" is not a number`);
	};
	/** A number's type and the bracket behind it, if that stands there. */
	const typeAt = (from: number): { size: number; end: number; bits(value: bigint): bigint } | undefined => {
		let end = from;
		while (tokens[end]?.kind === "name") end++;
		const words = tokens.slice(from, end).map(({ text }) => text);
		const type = words.length > 0 && tokens[end]?.text === ")" ? TYPES[words.join(" ")] : undefined;
		if (type === undefined) return undefined;
		const bits = (value: bigint): bigint => (type < 0 ? BigInt.asIntN(-type * 8, value) : BigInt.asUintN(type * 8, value));
		return { size: Math.abs(type), end: end + 1, bits };
	};
	const value = binary(0);
	if (at < tokens.length) throw new ExpressionError(`"${next()}" after the value`);
	return value;
}

/** A negative value of an expression with a `U`: C has it in 32 bits, or in 64 with an `L`. */
export function unsigned(value: bigint, tokens: readonly Token[]): bigint {
	const suffixes = tokens.filter(({ kind, text }) => kind === "number" && /u/i.test(text));
	if (value >= 0n || suffixes.length === 0) return value;
	return BigInt.asUintN(suffixes.some(({ text }) => /l/i.test(text)) ? 64 : 32, value);
}

function number(text: string): bigint {
	const digits = text.replace(/[uUlL]+$/, "");
	if (!/^0\d+$/.test(digits)) return BigInt(digits);
	if (/[89]/.test(digits)) throw new ExpressionError(`${text} begins with 0, so it is octal, and has a digit above 7`);
	return BigInt(`0o${digits.slice(1)}`);
}
