import { exitCode } from "../../../frame/exit.js";
import { isCommand, type ObservedResult, type RunOptions, runStatements } from "../script/runner.js";
import type { Statement } from "../script/statements.js";
import { plain } from "../script/tokens.js";
import { type Case, type Format, reporterFor, titleOf } from "./index.js";

const verdict = (exit: number): Case["result"] =>
	exit === exitCode.done ? "ok" : exit === exitCode.skipped ? "skipped" : exit === exitCode.failed ? "failed" : "error";

/** Every line but headings is a case: also a requirement, which is met or skips what follows. */
const isCase = (statement: Statement): boolean => isCommand(statement) || plain(statement.words[0]) === "require";

/** Runs a script and tells of it in a format of CI. @returns the exit code */
export async function reportRun(format: Format, statements: readonly Statement[], file: string, options: RunOptions): Promise<number> {
	const { io, context } = options;
	const { kernel, which } = await context.handle();
	const cases = statements.filter(isCase);
	const reporter = reporterFor(format);
	io.stdout.write(reporter.start({ file, kernel: kernel.kind, which, count: cases.length }));
	let number = 0;
	let lastBad: number | undefined;
	const tell = (statement: Statement, rest: Omit<Case, "number" | "line" | "title">) => {
		io.stdout.write(reporter.one({ number: ++number, line: statement.line, title: titleOf(statement), ...rest }));
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
