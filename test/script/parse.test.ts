/** The parser of the run language. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Block, parseScript, placeOf, ScriptError, walk } from "../../src/script/index.js";

const kinds = (block: Block): string => block.map(({ kind }) => kind).join(" ");

describe("parseScript", () => {
	test("a line's text ends before the } of the block around", () => {
		const [loop] = parseScript("repeat 2 {\n  let a = 1 + 2 }\nrepeat 2 { sleep 1ms } # pause", "f");
		expect(loop).toMatchObject({ body: [{ kind: "let", source: "let a = 1 + 2" }] });
		const [, pause, bare] = parseScript("ioas alloc\nrepeat 2 { sleep 1ms } # pause\nsleep 1ms", "f");
		expect(pause).toMatchObject({ body: [{ kind: "sleep", source: "sleep 1ms" }] });
		expect(bare).toMatchObject({ kind: "sleep", source: "sleep 1ms" });
	});

	test("every construct", () => {
		const tree = parseScript(
			[
				"let n = 4k*2",
				"repeat 3 { ioas alloc",
				"}",
				"for x in 1 a 0..$n { echo $x }",
				"if $a.errno == ENOENT { echo 1 } else if 1 {",
				"  echo 2",
				"} else { echo 3 }",
				"function f a b { ioas alloc }",
				"parallel { f 1 2 } { sleep 1ms }",
				"process p { ioas alloc }",
				"finally { destroy 1 }",
			].join("\n"),
			"f",
		);
		expect(kinds(tree)).toBe("let repeat for if function parallel process finally");
		expect(tree[3]).toMatchObject({ kind: "if", line: 5, column: 1, otherwise: [{ kind: "if", otherwise: [{ source: "echo 3" }] }] });
		expect(tree[2]).toMatchObject({
			name: "x",
			items: [{ word: [{ text: "1" }] }, {}, { from: { kind: "number" }, last: { kind: "variable" } }],
		});
		expect(tree[4]).toMatchObject({ name: "f", parameters: ["a", "b"], source: "function f a b {" });
	});

	test("keywords in quotes, and as names, are words", () => {
		expect(kinds(parseScript("'repeat' 3\nlet = ioas alloc\necho }", "f"))).toBe("command command command");
	});

	test.each<[string, string, string?]>([
		["repeat {", "f:1:8: a number of times is expected"],
		["repeat 3", "f:1:9: a { is expected"],
		["ioas alloc\nrepeat 3 {\nioas alloc", "f:2:10: the { here is not closed", "a } is expected"],
		["}", "f:1:1: a } that closes nothing"],
		["{", "f:1:1: a { without anything before it"],
		["else { }", "f:1:1: an `else` without an `if`"],
		["repeat 3 { } x", "f:1:14: the end of the line is expected"],
		["for 1 in 2 { }", 'f:1:5: a name is expected, not "1"'],
		["for x of 2 { }", "f:1:7: `in` is expected"],
		["for x in { }", "f:1:10: a word or a range such as 0..9 is expected"],
		["for x in 0..( { }", "f:1:14: a number is expected"],
		["if { }", "f:1:4: a condition is expected"],
		["if 1 + { }", "f:1:7: a number is expected"],
		["let x 3", "f:1:7: a = is expected"],
		["let x = 3 +", "f:1:12: a number is expected"],
		["let x = 010", "f:1:9: "],
		["function f a a { }", "f:1:14: two parameters are called a"],
		["repeat 2 {\n function f { }\n}", "f:2:2: a function inside of a block"],
		["parallel { ioas alloc }", "f:1:24: a second { is expected"],
		["sleep", "f:1:6: a time, such as 100ms is expected"],
		["finally { }\nioas alloc", "f:2:1: `finally` is the last part of its block"],
		["thread a { }", "f:1:1: `thread` belongs to a litmus test"],
		["forbid 1", "f:1:1: `forbid` belongs to a litmus test"],
		["ioas \\\n  map 1 'x", "f:2:9: a ' is not closed"],
		["echo a\n  $", "f:2:3: a `$` without a name after it"],
	])("%j", (text, message, hint) => {
		expect(() => parseScript(text, "f")).toThrow(
			expect.objectContaining({ message: expect.stringContaining(message), ...(hint && { hint: expect.stringContaining(hint) }) }),
		);
	});

	test("a litmus test", () => {
		const text = [
			"setup { ioas = ioas alloc }",
			"thread a { destroy $ioas }",
			"thread b { ioas map $ioas --length 4k }",
			"finally { destroy $ioas }",
			"require kernel sim",
			"forbid a.1.errno == EFAULT && b.1.ok",
			"require a.1.errno == 0 || b.1.errno == 0",
		].join("\n");
		const tree = parseScript(text, "f", { litmus: true });
		expect(kinds(tree)).toBe("setup thread thread finally command forbid require");
		expect(tree[5]).toMatchObject({ condition: { op: "&&", right: { kind: "name", name: "b.1.ok" } } });
	});

	test("any text gives a tree, or an error with its place", () => {
		const piece = fc.constantFrom(
			..."repeat for if else function parallel process finally sleep let in { } = $a ${ 0..3 expect ENOENT ioas alloc 1 + ( ' \" \\ # setup thread forbid require".split(
				" ",
			),
			"\n",
			"\\\n",
		);
		const text = fc.oneof(
			fc.array(piece, { maxLength: 60 }).map((list) => list.join(" ")),
			fc.string({ unit: "binary" }),
		);
		fc.assert(
			fc.property(text, fc.boolean(), (script, litmus) => {
				const lines = script.split(/\r?\n/);
				try {
					for (const node of walk(parseScript(script, "f", { litmus }))) {
						const { line, column } = node;
						expect(line).toBeLessThanOrEqual(lines.length);
						expect(column).toBeGreaterThan(0);
						// Each word stands where it is said to.
						for (const at of node.kind === "command" ? node.places : [node.start]) {
							const place = placeOf(node, at);
							expect(lines[place.line - 1]?.[place.column - 1]).toMatch(/[^ \t]/);
						}
					}
				} catch (error) {
					expect(error).toBeInstanceOf(ScriptError);
					const { line, column } = error as ScriptError;
					expect(line).toBeGreaterThan(0);
					expect(line).toBeLessThanOrEqual(lines.length);
					expect(column).toBeGreaterThan(0);
					expect(column).toBeLessThanOrEqual(lines[line - 1].length + 2);
				}
			}),
			{ numRuns: 2000 },
		);
	});

	test("blocks nested too deep are refused", () => {
		expect(() => parseScript("repeat 1 {\n".repeat(100_000), "f")).toThrow(/f:51:10: blocks are nested more than 50 deep/);
		expect(() => parseScript(`if 1 { } ${"else if 1 { } ".repeat(10_000)}`, "f")).toThrow(/nested more than 50 deep/);
	});
});
