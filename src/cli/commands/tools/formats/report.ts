/** Runs a script for `run --format`: every line becomes a case of the report. */
import { exitCode, UsageError } from "../../../frame/exit.js";
import { isHeading, type ObservedResult, type RunOptions, runStatements } from "../script/runner.js";
import type { Statement } from "../script/statements.js";
import { type Case, type Format, type Group, headingOf, reporterFor, titleOf } from "./index.js";

const verdict = (exit: number): Case["result"] =>
	exit === exitCode.done ? "ok" : exit === exitCode.skipped ? "skipped" : exit === exitCode.failed ? "failed" : "error";

/** Every line except a heading is a case; so is a requirement, which is met or skips what follows. */
function grouped(statements: readonly Statement[]): { cases: Statement[]; headings: Map<Statement, string>; groups: Group[] } {
	const cases: Statement[] = [];
	const headings = new Map<Statement, string>();
	const groups: { heading?: string; count: number }[] = [];
	let group: { heading?: string; count: number } = { count: 0 };
	for (const statement of statements) {
		if (isHeading(statement)) {
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
export async function reportRun(format: Format, statements: readonly Statement[], file: string, options: RunOptions): Promise<number> {
	const { io, context } = options;
	const { kernel, which } = await context.handle();
	const { cases, headings, groups } = grouped(statements);
	if (cases.length === 0) throw new UsageError(`${file}: nothing to run`, "the script has headings and no command");
	const reporter = reporterFor(format);
	io.stdout.write(reporter.start({ file, kernel: kernel.kind, which, groups }));
	let number = 0;
	let lastBad: number | undefined;
	const tell = (statement: Statement, rest: Omit<Case, "number" | "heading" | "line" | "title">) => {
		const heading = headings.get(statement);
		io.stdout.write(reporter.one({ number: ++number, heading, line: statement.line, title: titleOf(statement), ...rest }));
	};
	const observe = ({ statement, outcome, seconds, stdout, stderr }: ObservedResult) => {
		const { exit, errno } = outcome;
		const result = verdict(exit);
		if (result === "failed" || result === "error") lastBad = statement.line;
		const reason = result === "ok" ? undefined : firstLine(stderr) || `exit code ${exit}`;
		tell(statement, { result, reason, exit, errno, seconds, stdout, stderr: result === "skipped" ? "" : stderr });
	};
	const run = await runStatements(statements, { ...options, json: format === "json", quiet: false, observe });
	const reason = run.skipped ?? `not reached: line ${lastBad} failed`;
	for (const statement of cases.slice(number)) {
		tell(statement, { result: "skipped", reason, exit: exitCode.skipped, errno: 0, seconds: 0, stdout: "", stderr: "" });
	}
	io.stdout.write(reporter.end(run.exit));
	return run.exit;
}

const firstLine = (text: string): string => text.trimStart().split("\n", 1)[0];
