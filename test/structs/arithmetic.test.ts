/** Integer expressions. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExpressionError, evaluate, InputError, parseExpression, parseNumber } from "../../structs/index.js";

const literal = (text: string) => parseNumber(text);
const value = (text: string, names: Record<string, bigint> = {}) =>
	evaluate(parseExpression(text, literal), { variable: (name) => names[name] ?? 0n, name: (name) => names[name] });

describe("expressions", () => {
	test.each<[string, bigint]>([
		["BIT(63)", 1n << 63n],
		["1<<63", 1n << 63n],
		["4k*16", 65536n],
		["$a+1", 8n],
		["$a.b - 2", 7n],
		// biome-ignore lint/suspicious/noTemplateCurlyInString: the run language's own
		["${a}*2", 14n],
		["-1", -1n],
		["~0", -1n],
		["-5*2 + 0x10 % 5", -9n],
		["1+2*3 == 7 && !(2 > 3)", 1n],
		["1 | 6 ^ 2 & 3", 5n],
		["GENMASK(11, 4)", 0xff0n],
		["10 / 3 >> 1", 1n],
		["1 != 2 || 1/0", 1n],
		["a.1.errno == EFAULT", 0n],
	])("%s", (text, expected) => {
		expect(value(text, { a: 7n, "a.b": 9n, "a.1.errno": 22n, EFAULT: 14n })).toBe(expected);
	});

	test.each<[string, number, string]>([
		["1 +", 3, "a number is expected"],
		["(1", 2, "a ) is expected"],
		["1 2", 2, 'an operator is expected, not "2"'],
		["1 ; 2", 2, '";" is not part of an expression'],
		["BIT(1,2)", 0, "BIT() takes one number"],
		["foo(1)", 0, "foo() is not known"],
		["1 + $", 4, "a `$` without a name"],
		["--1", 1, 'a number is expected, not "-"'],
		["+5", 0, 'a number is expected, not "+"'],
	])("%j is wrong at %i", (text, at, message) => {
		expect(() => parseExpression(text, literal)).toThrow(expect.objectContaining({ at, message: expect.stringContaining(message) }));
	});

	test.each(["1/0", "1 % (2-2)", "1<<129", "BIT(1000000000)", "nothing", "GENMASK(1,2)"])("%s has no value", (text) => {
		expect(() => evaluate(parseExpression(text, literal))).toThrow(ExpressionError);
	});

	test("any text has a value or an error with its place", () => {
		const piece = fc.constantFrom("1", "0x1f", "4k", "BIT(", "(", ")", "+", "-", "*", "/", "<<", "&&", "~", "!", "$a", "b", ",", " ", "%");
		fc.assert(
			fc.property(
				fc.oneof(
					fc.array(piece, { maxLength: 400 }).map((list) => list.join("")),
					fc.string(),
				),
				(text) => {
					try {
						value(text, { a: 3n, b: 4n });
					} catch (error) {
						expect(error).toBeInstanceOf(ExpressionError);
						expect((error as ExpressionError).at).toBeLessThanOrEqual(text.length);
					}
				},
			),
		);
	});

	test("deep and long ones are refused", () => {
		expect(() => value("(".repeat(900))).toThrow(/nested more than/);
		expect(() => value("~!".repeat(100_000))).toThrow(ExpressionError);
		expect(() => value(Array(100_000).fill("1").join("+"))).toThrow(/more than 1000/);
	});

	test("sums of products come out as in C", () => {
		fc.assert(
			fc.property(fc.bigInt(-999n, 999n), fc.bigInt(0n, 999n), fc.bigInt(1n, 99n), (a, b, c) => {
				expect(value(`${a}+${b}*${c}-${b}/${c}`)).toBe(a + b * c - b / c);
			}),
		);
	});
});

describe("numbers of options", () => {
	test.each<[string, bigint]>([
		["0x1000+4k", 0x2000n],
		["BIT(12)-1", 4095n],
		["(1+1)*2", 4n],
	])("%s", (text, expected) => expect(parseNumber(text)).toBe(expected));

	test.each(["4k*", "a+b", "1..2", "$a+1"])("%s is not one", (text) => {
		expect(() => parseNumber(text, "--length")).toThrow(InputError);
		expect(() => parseNumber(text, "--length")).toThrow(`--length: "${text}" is not a number`);
	});
});
