/** Runs a script for `run --format`: every line becomes a case of the report. */

import type { Block, Node } from "../../../../script/index.js";
import { exitCode, UsageError } from "../../../frame/exit.js";
import { isHeading } from "../script/line.js";
import type { ObservedResult } from "../script/observe.js";
import { type RunOptions, runStatements } from "../script/runner.js";
import { type Case, type Group, headingOf, type LineFormat, type Reporter, titleOf } from "./index.js";

/** Where a script's lines are reported as cases. */
export interface Reported {
	readonly format: LineFormat;
	readonly reporter: Reporter;
}

const verdict = (exit: number): Case["result"] =>
	exit === exitCode.done ? "ok" : exit === exitCode.skipped ? "skipped" : exit === exitCode.failed ? "failed" : "error";

/**
 * Every line except a heading is a case; so is a requirement, which is met or skips what follows. A block is one case, as
 * how often its lines run is not known before.
 */
function grouped(statements: Block): { cases: Node[]; headings: Map<Node, string>; groups: Group[] } {
	const cases: Node[] = [];
	const headings = new Map<Node, string>();
	const groups: { heading?: string; count: number }[] = [];
	let group: { heading?: string; count: number } = { count: 0 };
	for (const statement of statements) {
		if (statement.kind === "function") continue;
		if (statement.kind === "command" && isHeading(statement)) {
			group = { heading: headingOf(statement), count: 0 };
			continue;
		}
		if (group.count++ === 0) groups.push(group);
		cases.push(statement);
		if (group.heading !== undefined) headings.set(statement, group.heading);
	}
	return { cases, headings, groups };
}

/** Runs a script and reports it in a format for CI. @returns the exit code */
export async function reportRun({ format, reporter }: Reported, statements: Block, file: string, options: RunOptions): Promise<number> {
	const { io, context } = options;
	const { kernel, which } = await context.handle();
	const { cases, headings, groups } = grouped(statements);
	if (cases.length === 0) throw new UsageError(`${file}: nothing to run`, "the script has headings and no command");
	io.stdout.write(reporter.start({ file, kernel: kernel.kind, which, groups }));
	io.stdout.flush?.();
	let number = 0;
	let lastBad: number | undefined;
	const tell = (statement: Node, rest: Omit<Case, "number" | "heading" | "line" | "title">) => {
		const heading = headings.get(statement);
		io.stdout.write(reporter.one({ number: ++number, heading, line: statement.line, title: titleOf(statement), ...rest }));
		io.stdout.flush?.();
	};
	let skipped: string | undefined;
	const notReached = (statement: Node): void => {
		const reason = skipped ?? `not reached: line ${lastBad} failed`;
		tell(statement, { result: "skipped", reason, exit: exitCode.skipped, errno: 0, seconds: 0, stdout: "", stderr: "" });
	};
	const observe = ({ statement, outcome, seconds, stdout, stderr }: ObservedResult) => {
		const { exit, errno } = outcome;
		const result = verdict(exit);
		// A `finally` comes after lines that were not reached.
		while (number < cases.indexOf(statement)) notReached(cases[number]);
		if (result === "failed" || result === "error") lastBad = statement.line;
		if (result === "skipped") skipped ??= firstLine(stderr);
		const reason = result === "ok" ? undefined : firstLine(stderr) || `exit code ${exit}`;
		tell(statement, { result, reason, exit, errno, seconds, stdout, stderr: result === "skipped" ? "" : stderr });
	};
	const run = await runStatements(statements, { ...options, json: format === "json", quiet: false, observe });
	for (const statement of cases.slice(number)) notReached(statement);
	io.stdout.write(reporter.end(run.exit));
	return run.exit;
}

const firstLine = (text: string): string => text.trimStart().split("\n", 1)[0];
