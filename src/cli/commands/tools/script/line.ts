/** Runs one line of a script: a command, a heading or a requirement. */

import { Problem } from "../../../../../structs/errors.js";
import { type Place, type Placed, placeOf, plain, type Statement } from "../../../../script/index.js";
import { done, exitCode, type Outcome } from "../../../frame/exit.js";
import type { Io, Sink } from "../../../frame/io.js";
import { reportProblem } from "../../../frame/report.js";
import type { Ended, RunOptions } from "./options.js";
import { expand } from "./variables.js";

const firstWord = ({ words }: Statement): string | undefined => plain(words[0]);

export const isHeading = (statement: Statement): boolean => firstWord(statement) === "echo";

/** Headings and requirements are not commands. */
export const isCommand = (statement: Statement): boolean => !isHeading(statement) && firstWord(statement) !== "require";

/** Adds the place in the script to what is wrong. */
export function located(error: unknown, node: Placed): unknown {
	if (!isProblem(error)) return error;
	const { kind, message, hint } = error;
	return new Problem(kind, `${whereText(node, offsetOf(error, node))}: ${message}`, hint);
}

/** Where in the line it is wrong, if that is known: of a mistake in a word or an expression. */
const offsetOf = (error: unknown, node: Placed): Place | undefined =>
	error instanceof Error && "at" in error && typeof error.at === "number" ? placeOf(node, error.at) : undefined;

const whereText = ({ file, line }: Pick<Placed, "file" | "line">, at?: Place): string =>
	at === undefined ? `${file}:${line}` : `${file}:${at.line}:${at.column}`;

/** A mistake, or something that this machine lacks: the line is at fault, or needs it. */
export const isProblem = (error: unknown): error is Problem =>
	error instanceof Error && ["usage", "environment"].includes((error as Partial<Problem>).kind ?? "");

const wordAt = (statement: Statement, word: number): Place | undefined =>
	statement.places[word] === undefined ? undefined : placeOf(statement, statement.places[word]);

const nowhere: Sink = { isTTY: false, write() {} };

/** What a command prints stands two columns to the right of its line; beside other blocks, behind its block's number. */
function indented(sink: Sink, label: string | undefined): Sink {
	const before = label === undefined ? "  " : `${label}   `;
	let lineStart = true;
	return {
		isTTY: sink.isTTY,
		columns: sink.columns === undefined ? undefined : sink.columns - before.length,
		flush: () => sink.flush?.(),
		write(text) {
			if (typeof text !== "string") return sink.write(text);
			let shown = "";
			for (const line of text.split(/(?<=\n)/)) {
				shown += lineStart && line !== "\n" ? `${before}${line}` : line;
				lineStart = line.endsWith("\n");
			}
			sink.write(shown);
		},
	};
}

/** Shows a line before it runs, so that a call which does not return can be seen. */
export function showLine(source: string, { io, out, json, quiet, bare }: RunOptions): void {
	if (json || quiet || bare) return;
	io.stdout.write(`${out.faint(">")} ${source}\n`);
	io.stdout.flush?.();
}

/** Reports what is wrong with a line. */
export function problemOf(error: unknown, node: Placed & Pick<Statement, "name">, options: RunOptions): Outcome {
	const { file, line, name } = node;
	const place = { file, line, name, ...offsetOf(error, node) };
	return { ...done, exit: reportProblem(located(error, node), options.io, options.err, options.json, place) };
}

/**
 * Runs a line.
 * @param expanded its words, where they are known already
 * @returns undefined for a heading, or a requirement that is met; text if the rest is to be skipped
 */
export async function runLine(statement: Statement, options: RunOptions, expanded?: readonly string[]): Promise<Ended> {
	const { commandLine, io, context, json, quiet, out, err } = options;
	const { file, line, name } = statement;
	const bare = json || options.bare === true;
	const shown = !bare && !quiet;
	try {
		const words = [...(expanded ?? expand(statement.words, context.variables, statement.places))];
		if (words[0] === "echo") {
			if (shown) io.stdout.write(`${out.strong(words.slice(1).join(" "))}\n`);
			return undefined;
		}
		showLine(statement.source, options);
		if (words[0] === "require") {
			const { missing } = await import("./require.js");
			const lacking = await missing(words.slice(1), context);
			if (lacking === undefined) return undefined;
			if (shown) io.stdout.write(`  ${out.note("skipped:")} ${lacking}\n`);
			return lacking;
		}
		if (statement.expect !== undefined) words.push("--expect", statement.expect);
		const inner: Io = bare
			? io
			: { ...io, stdout: quiet ? nowhere : indented(io.stdout, options.label), stderr: indented(io.stderr, options.label) };
		const outcome = await commandLine.execute(words, {
			io: inner,
			context,
			place: { file, line, name, within: options.within, wordAt: (word) => wordAt(statement, word) },
			inherit: { color: options.color, json },
		});
		const bad = outcome.exit !== exitCode.done && outcome.exit !== exitCode.skipped;
		if (bad && !options.bare) io.stderr.write(`${err.bad(`${whereText(statement, outcome.at)}:`)} ${statement.source}\n`);
		io.stdout.flush?.();
		return outcome;
	} catch (error) {
		return problemOf(error, statement, options);
	}
}
