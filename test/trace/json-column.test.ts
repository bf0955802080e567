/** Tests of where a text stops being JSON. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findJsonFault } from "../../src/trace/json-column.js";

describe("findJsonFault", () => {
	test.each([
		['{"a":}', 6, "a value expected"],
		['{"a" 1}', 6, '":" expected'],
		['{"a":1', 7, "the line ends where"],
		['{"a":1]', 7, '"," or "}" expected'],
		["[1,2", 5, "the line ends where"],
		['{"a":"b', 6, "closing quote"],
		["{'a':1}", 2, "a key in double quotes"],
		['{"a":1} x', 9, "the end of the line expected"],
		["", 1, "the line ends where a value"],
		['{"a":tru}', 6, "a value expected"],
	])("%s", (text, column, problem) => {
		const fault = findJsonFault(text);
		expect(fault?.column).toBe(column);
		expect(fault?.problem).toContain(problem);
	});

	test("finds no fault in JSON", () => {
		fc.assert(fc.property(fc.json(), (text) => findJsonFault(text) === undefined));
	});

	test("finds one wherever JSON is cut off or damaged, exactly if JSON.parse does", () => {
		fc.assert(
			fc.property(fc.json(), fc.nat(), fc.constantFrom("", '"', "}", ",", "x", "\\"), (text, at, insert) => {
				const cut = at % (text.length + 1);
				const damaged = text.slice(0, cut) + insert + (insert === "" ? "" : text.slice(cut));
				let parses = true;
				try {
					JSON.parse(damaged);
				} catch {
					parses = false;
				}
				return (findJsonFault(damaged) === undefined) === parses;
			}),
		);
	});
});
