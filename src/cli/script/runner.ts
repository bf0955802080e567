import type { ColourWhen, Palette } from "../colour.js";
import type { Context } from "../context.js";
import { execute } from "../execute.js";
import { done, exitCode, type Outcome } from "../exit.js";
import type { Io, Sink } from "../io.js";
import { reportProblem } from "../report.js";
import { located, type Statement } from "./statements.js";
import { expand } from "./variables.js";

export interface RunOptions {
	readonly io: Io;
	readonly context: Context;
	readonly keepGoing: boolean;
	readonly json: boolean;
	/** only what fails is printed */
	readonly quiet: boolean;
	readonly color?: ColourWhen;
	readonly out: Palette;
	readonly err: Palette;
}

export interface StatementResult {
	readonly statement: Statement;
	readonly outcome: Outcome;
}

export interface RunResult {
	/** statements that ran, comments and echoes apart */
	readonly results: readonly StatementResult[];
	/** statements that were not reached */
	readonly left: number;
	readonly exit: number;
}

const nowhere: Sink = { isTTY: false, write() {} };

/** Everything of a command's own stands two columns to the right of the line it answers. */
function indented(sink: Sink): Sink {
	let lineStart = true;
	return {
		isTTY: sink.isTTY,
		columns: sink.columns === undefined ? undefined : sink.columns - 2,
		write(text) {
			if (typeof text !== "string") return sink.write(text);
			let shown = "";
			for (const line of text.split(/(?<=\n)/)) {
				shown += lineStart && line !== "\n" ? `  ${line}` : line;
				lineStart = line.endsWith("\n");
			}
			sink.write(shown);
		},
	};
}

/** Runs statements one after another in one context. */
export async function runStatements(statements: readonly Statement[], options: RunOptions): Promise<RunResult> {
	const results: StatementResult[] = [];
	const { context } = options;
	let exit: number = exitCode.done;
	for (const [at, statement] of statements.entries()) {
		const outcome = await runStatement(statement, options);
		if (!outcome) continue;
		results.push({ statement, outcome });
		if (outcome.exit === exitCode.done) {
			if (statement.name !== undefined) context.variables.set(statement.name, outcome);
			continue;
		}
		exit = Math.max(exit, outcome.exit);
		// A name whose command failed must not keep what it stood for before.
		if (statement.name !== undefined) context.variables.delete(statement.name);
		const hopeless = outcome.exit === exitCode.environment || outcome.exit === exitCode.internal;
		if (!options.keepGoing || hopeless) return { results, left: statements.length - at - 1, exit };
	}
	return { results, left: 0, exit };
}

/** @returns undefined for what is no command */
async function runStatement(statement: Statement, options: RunOptions): Promise<Outcome | undefined> {
	const { io, context, json, quiet, out, err } = options;
	const { file, line, name } = statement;
	try {
		const words = expand(statement.words, context.variables);
		if (words[0] === "echo") {
			if (!json && !quiet) io.stdout.write(`${out.strong(words.slice(1).join(" "))}\n`);
			return undefined;
		}
		if (!json && !quiet) io.stdout.write(`${out.faint(">")} ${statement.source}\n`);
		if (statement.expect !== undefined) words.push("--expect", statement.expect);
		const inner: Io = json ? io : { ...io, stdout: quiet ? nowhere : indented(io.stdout), stderr: indented(io.stderr) };
		const outcome = await execute(words, { io: inner, context, place: { file, line, name }, inherit: { color: options.color, json } });
		if (outcome.exit !== exitCode.done) io.stderr.write(`${err.bad(`${file}:${line}:`)} ${statement.source}\n`);
		return outcome;
	} catch (error) {
		return { ...done, exit: reportProblem(located(error, file, line), io, err, json) };
	}
}
