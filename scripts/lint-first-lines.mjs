#!/usr/bin/env node
// Checks that every source file opens with one line of comment that says what the file is. Exit code 1 if one does not; stderr names each.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourcesIn } from "./imports/graph.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
// A line comment or a whole doc comment, with words in it; a directive to a tool says nothing about the file.
const SAYS = /^(?:\/\/ (?!biome-|@ts-).*\w|\/\*\* .*\w.* \*\/$)/;

const files = sourcesIn(root, ["src", "structs", "bench", "test", "scripts"], /\.(?:ts|mjs)$/);
const silent = files.filter((file) => {
	const [first, second = ""] = readFileSync(join(root, file), "utf8").split("\n", 2);
	return !SAYS.test(first.startsWith("#!") ? second : first);
});
for (const file of silent) console.error(`${file}: the first line does not say what the file is`);
console.log(
	`Checked the first lines of ${files.length} files: ${silent.length === 0 ? "all say what the file is" : `${silent.length} do not`}.`,
);
process.exitCode = silent.length === 0 ? 0 : 1;
