/** KTAP, as the kernel's own tests write it. */
import { type Case, type Counts, countsOf, type Group, labelOf, noCounts, type Reporter } from "./case.js";

/** `#` starts a directive: one in a title is escaped, as TAP does. */
export const ktapTitle = (text: string): string => text.replaceAll("#", "\\#");

const diagnostics = (text: string): string[] =>
	text
		.split("\n")
		.filter(Boolean)
		.map((line) => `# ${line}`);

const isBad = ({ result }: Case): boolean => result === "failed" || result === "error";

/** The cases of a script or of a list, one after another. */
export class KtapBody {
	/** results at the top that there will be */
	readonly plan: number;
	readonly #left: Group[];
	#group: Group = { count: 0 };
	/** cases of the group so far */
	#cases: Case[] = [];
	/** results at the top so far */
	#top = 0;

	constructor(groups: readonly Group[]) {
		this.#left = [...groups];
		this.plan = groups.reduce((sum, { heading, count }) => sum + (heading === undefined ? count : 1), 0);
	}

	/** The lines of the next case. */
	one(given: Case): string[] {
		if (this.#cases.length === this.#group.count) {
			this.#group = this.#left.shift() ?? { count: Number.POSITIVE_INFINITY };
			this.#cases = [];
		}
		const lines: string[] = [];
		const { heading, count } = this.#group;
		if (heading !== undefined && this.#cases.length === 0) lines.push("KTAP version 1", `# Subtest: ${heading}`, `1..${count}`);
		this.#cases.push(given);
		if (isBad(given)) lines.push(...diagnostics(`${given.stdout}${given.stderr}`));
		const number = heading === undefined ? ++this.#top : this.#cases.length;
		lines.push(ktapResult(number, ktapTitle(labelOf(given)), [given]));
		if (heading === undefined) return lines;
		const ended = this.#cases.length === count ? [ktapResult(++this.#top, ktapTitle(heading), this.#cases)] : [];
		return [...indented(lines), ...ended];
	}
}

/** KTAP version 1 (Documentation/dev-tools/ktap.rst): a case as soon as it is over, a subtest for each heading. */
export function ktap(): Reporter {
	const counts = noCounts();
	let body = new KtapBody([]);
	return {
		start({ file, which, groups }) {
			body = new KtapBody(groups);
			return joined(["KTAP version 1", `# file: ${file}`, `# kernel: ${which}`, `1..${body.plan}`]);
		},
		one(given) {
			counts[given.result]++;
			return joined(body.one(given));
		},
		end: () => ktapTotals(counts),
	};
}

export const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

export const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

export const ktapTotals = ({ ok, failed, skipped, error }: Counts): string =>
	`# Totals: pass:${ok} fail:${failed} xfail:0 xpass:0 skip:${skipped} error:${error}\n`;

/** A result's line: of one case, or of all cases of a heading or a script. */
export function ktapResult(number: number, name: string, cases: readonly Case[]): string {
	const skipped = countsOf(cases).skipped === cases.length;
	const directive = skipped ? ` # SKIP ${cases[0].reason ?? ""}`.trimEnd() : "";
	return `${cases.some(isBad) ? "not ok" : "ok"} ${number} ${name}${directive}`;
}
