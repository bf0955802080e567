import { type Case, noCounts, type Reporter } from "./case.js";

/** `#` starts a directive: one in a title is escaped, as TAP does. */
const title = (text: string): string => text.replaceAll("#", "\\#");

const diagnostics = (text: string): string =>
	text
		.split("\n")
		.filter(Boolean)
		.map((line) => `# ${line}\n`)
		.join("");

/** KTAP version 1 (Documentation/dev-tools/ktap.rst), a case as soon as it is over. */
export function ktap(): Reporter {
	const counts = noCounts();
	return {
		start: ({ file, which, count }) => `KTAP version 1\n# file: ${file}\n# kernel: ${which}\n1..${count}\n`,
		one(one) {
			counts[one.result]++;
			const bad = one.result === "failed" || one.result === "error";
			const output = bad ? diagnostics(`${one.stdout}${one.stderr}`) : "";
			return `${output}${bad ? "not ok" : "ok"} ${one.number} line ${one.line}: ${title(one.title)}${directive(one)}\n`;
		},
		end: () => `# Totals: pass:${counts.ok} fail:${counts.failed} xfail:0 xpass:0 skip:${counts.skipped} error:${counts.error}\n`,
	};
}

function directive({ result, reason }: Case): string {
	return result === "skipped" ? ` # SKIP ${reason ?? ""}`.trimEnd() : "";
}
