// Checks that every errno in src/sim comes from a check, and that a group lists its checks in the order of the code.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = "src/sim";
/** Files that still answer errnos without a check; the list only gets shorter. */
const REST = new Set(JSON.parse(readFileSync("scripts/lint-checks-rest.json", "utf8")));

/** What copies from and to a program's memory answers EFAULT and E2BIG as it is: its callers know which field pointed there, and name the check. */
const COPIES = new Set(["address-space", "user-arg", "user-memory"].map((name) => `src/sim/memory/${name}.ts`));

const files = readdirSync(ROOT, { recursive: true })
	.filter((name) => name.endsWith(".ts"))
	.map((name) => join(ROOT, name))
	.sort();
const sources = new Map(files.map((file) => [file, withoutComments(readFileSync(file, "utf8"))]));
const problems = [];

// A raw errno: `-EINVAL` that is not compared with.
const bare = new Set();
for (const [file, source] of sources) {
	for (const { 0: errno, index } of source.matchAll(/-E[A-Z0-9]{2,}\b/g)) {
		if (COPIES.has(file) && (errno === "-EFAULT" || errno === "-E2BIG")) continue;
		if (/[=!]==\s*$/.test(source.slice(0, index))) continue;
		bare.add(file);
		if (!REST.has(file)) problems.push(`${file}:${lineOf(source, index)}: an errno without a check: use reasons.fail(...)`);
	}
}
for (const file of REST)
	if (!bare.has(file)) problems.push(`${file} has no errno without a check any more: take it from scripts/lint-checks-rest.json`);

// A group's keys, in order, and where they are used.
for (const [file, source] of sources) {
	for (const [, group, body] of source.matchAll(/const (\w+) = checks\([^{]*\{\n([\s\S]*?)\n\}\);/g)) {
		const keys = [...body.matchAll(/^\t(\w+)(?:: |,$)/gm)].map(([, key]) => key);
		const own = keys.filter((key) => !new RegExp(`^\\t${key}: (\\w+,|hook\\(|\\{)`, "m").test(body));
		const used = new Set();
		for (const [user, text] of sources) {
			// Uses in one function stand in the order of the group.
			let last = -1;
			let start = -1;
			for (const { 1: key, index } of text.matchAll(new RegExp(`\\b${group}\\.(\\w+)\\b`, "g"))) {
				used.add(key);
				const at = keys.indexOf(key);
				if (at < 0) problems.push(`${user}:${lineOf(text, index)}: ${group} has no check ${key}`);
				const begins = functionStart(text, index);
				if (begins === start && at < last)
					problems.push(`${user}:${lineOf(text, index)}: ${group} in ${file} lists ${key} before ${keys[last]}, the code checks it after`);
				last = begins === start ? Math.max(last, at) : at;
				start = begins;
			}
		}
		for (const key of own) if (!used.has(key)) problems.push(`${file}: no code uses the check ${group}.${key}`);
	}
}

for (const problem of problems) console.error(problem);
console.log(
	problems.length === 0
		? `Checked the checks: every errno has one, in the order of the code (${REST.size} files to go).`
		: `${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Where the function that contains `index` begins: the last line before it that is indented by at most one tab and opens a block. */
function functionStart(text, index) {
	let at = -1;
	for (const { index: found } of text
		.slice(0, index)
		.matchAll(
			/^\t?(?:export |async |static |override |protected |get |function |[#\w]+(?:<[^>]*>)?\()[^\n]*\{$|^\t?[^\s][^\n]*\([^\n]*$/gm,
		))
		at = found;
	return at;
}

function withoutComments(source) {
	return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, " "));
}

function lineOf(text, index) {
	return text.slice(0, index).split("\n").length;
}
