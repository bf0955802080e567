/** A script's lines as cases for CI, and what a reporter of them is. */
import { type Node, noWarning, type Statement, type Word } from "../../../../script/index.js";

/** One line of a script as CI sees it. */
export interface Case {
	/** from 1 */
	readonly number: number;
	/** the heading (`echo`) that it stands under */
	readonly heading?: string;
	/** the statement's line in the file; absent for a case that is a whole file */
	readonly line?: number;
	/** the command as written, without comment */
	readonly title: string;
	readonly result: "ok" | "failed" | "error" | "skipped";
	/** why it is not "ok" */
	readonly reason?: string;
	readonly exit: number;
	readonly errno: number;
	/** absent where it is not a property of the case: it would make each report another */
	readonly seconds?: number;
	/** what the command printed */
	readonly stdout: string;
	readonly stderr: string;
}

export interface Suite {
	readonly file: string;
	readonly kernel: "real" | "sim";
	/** for people: `simulated (no /dev/iommu here)` */
	readonly which: string;
	/** what there will be, in order: cases without a heading, and those of each heading that has any */
	readonly groups: readonly Group[];
}

/** Cases that stand together. */
export interface Group {
	readonly heading?: string;
	/** of cases, at least 1 */
	readonly count: number;
}

/** Writes cases in a format of CI: some as they come, some at the end. */
export interface Reporter {
	start(suite: Suite): string;
	one(one: Case): string;
	end(exit: number): string;
}

/** A reporter that writes everything at the end. */
export function atEnd(write: (suite: Suite, cases: readonly Case[], exit: number) => string): Reporter {
	const cases: Case[] = [];
	let suite: Suite;
	return {
		start(given) {
			suite = given;
			return "";
		},
		one(one) {
			cases.push(one);
			return "";
		},
		end: (exit) => write(suite, cases, exit),
	};
}

export interface Counts {
	ok: number;
	failed: number;
	error: number;
	skipped: number;
}

export const noCounts = (): Counts => ({ ok: 0, failed: 0, error: 0, skipped: 0 });

/** Counts results. */
export function countsOf(cases: readonly Pick<Case, "result">[]): Counts {
	const counts = noCounts();
	for (const { result } of cases) counts[result]++;
	return counts;
}

/** What a case is called. */
export const labelOf = ({ line, title }: Pick<Case, "line" | "title">): string => (line === undefined ? title : `line ${line}: ${title}`);

const wordText = (word: Word): string => word.map((piece) => ("text" in piece ? piece.text : `$${piece.variable}`)).join("");

/** The heading that a line `echo ...` gives its cases: variables by name, so that it is the same in every run. */
export const headingOf = ({ words }: Statement): string => words.slice(1).map(wordText).join(" ");

/** The statement in one line, with its variables' names, without its comment; of a block what opens it. */
export function titleOf(node: Node): string {
	if (node.kind !== "command") return node.source.endsWith("{") ? `${node.source} ... }` : node.source;
	const { name, expect, words } = node;
	if (words === noWarning) return node.source;
	const shown = words.map((word) => {
		const text = wordText(word);
		return text === "" || /\s/.test(text) ? `"${text}"` : text;
	});
	return [...(name === undefined ? [] : [name, "="]), ...(expect === undefined ? [] : ["expect", expect]), ...shown].join(" ");
}
