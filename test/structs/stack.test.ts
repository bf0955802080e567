// Stacks of errors: places in the bundle become places in the sources.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { stackOf } from "../../structs/stack.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bundle = `${root}dist/main.cjs`;

/** Where a text stands, counted from 1. */
function placeOf(text: string, wanted: string): { line: number; column: number } {
	const at = text.indexOf(wanted);
	const before = text.slice(0, at).split("\n");
	return { line: before.length, column: before[before.length - 1].length + 1 };
}

function errorAt(...places: string[]): Error {
	const error = new Error("it broke");
	error.stack = ["Error: it broke", ...places.map((place) => `    at a (${place})`)].join("\n");
	return error;
}

test("a place in the bundle is shown as the source's", () => {
	const { line, column } = placeOf(readFileSync(bundle, "utf8"), '"iommuctl.error"');
	const source = placeOf(readFileSync(`${root}src/cli/frame/report.ts`, "utf8"), '"iommuctl.error"');
	expect(stackOf(errorAt(`${bundle}:${line}:${column}`, "node:fs:10:5"))).toBe(
		`Error: it broke\n    at a (src/cli/frame/report.ts:${source.line}:${source.column})\n    at a (node:fs:10:5)`,
	);
});

test("a place in a bundle without a map stays", () => {
	const error = errorAt("/nowhere/dist/main.cjs:3:4");
	expect(stackOf(error)).toBe(error.stack);
	expect(stackOf("no error")).toBe("no error");
});
