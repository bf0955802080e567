/** KTAP, as the kernel's own tests write it. */
import { type Case, type Group, noCounts, type Reporter } from "./case.js";

/** `#` starts a directive: one in a title is escaped, as TAP does. */
const title = (text: string): string => text.replaceAll("#", "\\#");

const diagnostics = (text: string): string[] =>
	text
		.split("\n")
		.filter(Boolean)
		.map((line) => `# ${line}`);

const isBad = ({ result }: Case): boolean => result === "failed" || result === "error";

/** KTAP version 1 (Documentation/dev-tools/ktap.rst): a case as soon as it is over, a subtest for each heading. */
export function ktap(): Reporter {
	const counts = noCounts();
	let left: Group[] = [];
	let group: Group = { count: 0 };
	/** cases of the group so far */
	let cases: Case[] = [];
	/** results at the top so far */
	let top = 0;
	const one = (given: Case): string => {
		counts[given.result]++;
		if (cases.length === group.count) {
			group = left.shift() ?? { count: Number.POSITIVE_INFINITY };
			cases = [];
		}
		const lines: string[] = [];
		const { heading, count } = group;
		if (heading !== undefined && cases.length === 0) lines.push("KTAP version 1", `# Subtest: ${heading}`, `1..${count}`);
		cases.push(given);
		if (isBad(given)) lines.push(...diagnostics(`${given.stdout}${given.stderr}`));
		lines.push(result(heading === undefined ? ++top : cases.length, `line ${given.line}: ${title(given.title)}`, [given]));
		if (heading === undefined) return joined(lines);
		const ended = cases.length === count ? [result(++top, title(heading), cases)] : [];
		return joined([...lines.map((line) => `  ${line}`), ...ended]);
	};
	return {
		start({ file, which, groups }) {
			left = [...groups];
			const plan = groups.reduce((sum, { heading, count }) => sum + (heading === undefined ? count : 1), 0);
			return joined(["KTAP version 1", `# file: ${file}`, `# kernel: ${which}`, `1..${plan}`]);
		},
		one,
		end: () => `# Totals: pass:${counts.ok} fail:${counts.failed} xfail:0 xpass:0 skip:${counts.skipped} error:${counts.error}\n`,
	};
}

const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

/** A result's line: of one case, or of all cases of a heading. */
function result(number: number, name: string, cases: readonly Case[]): string {
	const skipped = cases.every((one) => one.result === "skipped");
	const directive = skipped ? ` # SKIP ${cases[0].reason ?? ""}`.trimEnd() : "";
	return `${cases.some(isBad) ? "not ok" : "ok"} ${number} ${name}${directive}`;
}
