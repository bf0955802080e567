/** Runs a script's statements one after another. */
import type { ColourWhen, Palette } from "../../../frame/colour.js";
import type { CommandLine } from "../../../frame/command.js";
import type { Context } from "../../../frame/context.js";
import { done, exitCode, type Outcome } from "../../../frame/exit.js";
import { BufferSink, type Io, type Sink } from "../../../frame/io.js";
import { reportProblem } from "../../../frame/report.js";
import { located, type Statement } from "./statements.js";
import { plain } from "./tokens.js";
import { expand } from "./variables.js";

export interface RunOptions {
	/** what runs each line */
	readonly commandLine: CommandLine;
	readonly io: Io;
	readonly context: Context;
	readonly keepGoing: boolean;
	readonly json: boolean;
	/** only what fails is printed */
	readonly quiet: boolean;
	readonly color?: ColourWhen;
	readonly out: Palette;
	readonly err: Palette;
	/** called for every command as it ends; then nothing is printed here */
	readonly observe?: (result: ObservedResult) => void;
	/** the scripts that are running, this one last: full paths */
	readonly within?: readonly string[];
	/** what commands print is left as it is, and the lines themselves are not shown */
	readonly bare?: boolean;
}

export interface StatementResult {
	readonly statement: Statement;
	readonly outcome: Outcome;
}

/** A command that ran, with what it printed. */
export interface ObservedResult extends StatementResult {
	readonly seconds: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunResult {
	/** statements that ran, comments and echoes apart */
	readonly results: readonly StatementResult[];
	/** statements that were not reached */
	readonly left: number;
	/** why a `require` was not met: the rest was skipped */
	readonly skipped?: string;
	readonly exit: number;
}

const firstWord = ({ words }: Statement): string | undefined => plain(words[0]);

export const isHeading = (statement: Statement): boolean => firstWord(statement) === "echo";

/** Headings and requirements are not commands. */
export const isCommand = (statement: Statement): boolean => !isHeading(statement) && firstWord(statement) !== "require";

const nowhere: Sink = { isTTY: false, write() {} };

/** What a command prints stands two columns to the right of its line. */
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
		const left = () => statements.slice(at + 1).filter(isCommand).length;
		await options.io.sharing?.checkpoint();
		const outcome = await runStatement(statement, options);
		if (!outcome) continue;
		if (typeof outcome === "string") return { results, left: left(), skipped: outcome, exit: exit || exitCode.skipped };
		results.push({ statement, outcome });
		if (outcome.exit === exitCode.done) {
			if (statement.name !== undefined) context.variables.set(statement.name, outcome);
			continue;
		}
		if (outcome.exit === exitCode.skipped) continue;
		exit = Math.max(exit, outcome.exit);
		// A name whose command failed must not keep what it stood for before.
		if (statement.name !== undefined) context.variables.delete(statement.name);
		const hopeless = outcome.exit === exitCode.environment || outcome.exit === exitCode.internal;
		if (!options.keepGoing || hopeless) return { results, left: left(), exit };
	}
	const allSkipped = results.length > 0 && results.every(({ outcome }) => outcome.exit === exitCode.skipped);
	return { results, left: 0, exit: allSkipped ? exitCode.skipped : exit };
}

/** @returns undefined for a line that is not a command, text if the rest is to be skipped */
async function runStatement(statement: Statement, options: RunOptions): Promise<Outcome | string | undefined> {
	const { commandLine, io, context, json, quiet, out, err, observe } = options;
	const { file, line, name } = statement;
	if (observe) return await runObserved(statement, options, observe);
	const bare = json || options.bare === true;
	const shown = !bare && !quiet;
	try {
		const words = expand(statement.words, context.variables);
		if (words[0] === "echo") {
			if (shown) io.stdout.write(`${out.strong(words.slice(1).join(" "))}\n`);
			return undefined;
		}
		if (shown) io.stdout.write(`${out.faint(">")} ${statement.source}\n`);
		if (words[0] === "require") {
			const { missing } = await import("./require.js");
			const lacking = await missing(words.slice(1), context);
			if (lacking === undefined) return undefined;
			if (shown) io.stdout.write(`  ${out.note("skipped:")} ${lacking}\n`);
			return lacking;
		}
		if (statement.expect !== undefined) words.push("--expect", statement.expect);
		const inner: Io = bare ? io : { ...io, stdout: quiet ? nowhere : indented(io.stdout), stderr: indented(io.stderr) };
		const outcome = await commandLine.execute(words, {
			io: inner,
			context,
			place: { file, line, name, within: options.within },
			inherit: { color: options.color, json },
		});
		const bad = outcome.exit !== exitCode.done && outcome.exit !== exitCode.skipped;
		if (bad && !options.bare) io.stderr.write(`${err.bad(`${file}:${line}:`)} ${statement.source}\n`);
		return outcome;
	} catch (error) {
		return { ...done, exit: reportProblem(located(error, file, line), io, err, json, { file, line, name }) };
	}
}

/** The same, with everything that is printed captured and passed on with the outcome. */
async function runObserved(
	statement: Statement,
	options: RunOptions,
	observe: (result: ObservedResult) => void,
): Promise<Outcome | string | undefined> {
	const stdout = new BufferSink();
	const stderr = new BufferSink();
	const io: Io = { ...options.io, stdout, stderr };
	const before = performance.now();
	const ended = await runStatement(statement, { ...options, io, observe: undefined, bare: true, color: "never" });
	const seconds = (performance.now() - before) / 1000;
	if (firstWord(statement) === "echo") return ended;
	const skipped = typeof ended === "string";
	const outcome: Outcome = skipped ? { ...done, exit: exitCode.skipped } : (ended ?? done);
	observe({ statement, outcome, seconds, stdout: stdout.text(), stderr: skipped ? ended : stderr.text() });
	return ended;
}
