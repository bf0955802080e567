/** Words of a script's line. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expand } from "../../../src/cli/commands/tools/script/variables.js";
import { parseScript, ScriptError, splitWords } from "../../../src/script/index.js";

const variables = new Map([["a", { exit: 0, errno: 0, value: 7, fields: { out_fd: 4, big: 1n << 40n } }]]);
const words = (line: string) => expand(splitWords(line), variables);

describe("splitWords", () => {
	test.each([
		["ioas  map\t1", ["ioas", "map", "1"]],
		["a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]],
		["x '' \"\" y", ["x", "", "", "y"]],
		["a # b", ["a"]],
		["a#b '#c' \\#d", ["a#b", "#c", "#d"]],
		// biome-ignore lint/suspicious/noTemplateCurlyInString: the run language's own
		["$a ${a} x$a.fd '$a' \\$a \"$a!\"", ["7", "7", "x4", "$a", "$a", "7!"]],
		["$a.big $a.out_fd", ["0x10000000000", "4"]],
		["", []],
		["   # only a comment", []],
	])("%j", (line, expected) => {
		expect(words(line)).toEqual(expected);
	});

	test("any words come back from quotes", () => {
		const word = fc.string({ unit: fc.constantFrom("a", " ", "#", "$", '"', "\\", "=", "\t") });
		fc.assert(
			fc.property(fc.array(word), (list) => {
				expect(words(list.map((one) => `'${one}'`).join(" "))).toEqual(list);
				expect(words(list.map((one) => `"${one.replace(/["\\$]/g, "\\$&")}"`).join(" "))).toEqual(list);
			}),
		);
	});

	test("no line makes it throw anything but a ScriptError with its place", () => {
		fc.assert(
			fc.property(fc.string(), (line) => {
				try {
					parseScript(line, "f");
				} catch (error) {
					expect(error).toBeInstanceOf(ScriptError);
					expect((error as Error).message).toMatch(/^f:1:\d+: /);
				}
			}),
		);
	});
});

describe("parseScript", () => {
	test("lines, names, expectations", () => {
		const [first, second] = parseScript("# one\n\nx = expect EBUSY destroy \\\n  1\n\nioas alloc", "f");
		expect(first).toMatchObject({ line: 3, name: "x", expect: "EBUSY", source: "x = expect EBUSY destroy 1" });
		expect(second).toMatchObject({ line: 6, name: undefined, expect: undefined });
	});

	test("a comment is not continued, and \\\\ at the end does not join", () => {
		expect(parseScript("# a \\\nioas alloc\n", "f")).toHaveLength(1);
		expect(parseScript("echo a\\\\\nioas alloc", "f")).toHaveLength(2);
	});
});
