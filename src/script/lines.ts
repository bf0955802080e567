/** The lines of a script, continuation lines joined, with the way back to the place in the file. */
import type { Placed } from "./ast.js";
import { type Fault, ScriptError } from "./error.js";
import { scan, type Token } from "./tokens.js";

/** A line of the file as a part of a line as it is read. */
export interface Part {
	/** offset in the joined text */
	readonly from: number;
	/** of the file, from 1 */
	readonly line: number;
	/** characters of the file's line that the part leaves out before it */
	readonly skipped: number;
}

export interface Place {
	readonly line: number;
	readonly column: number;
}

function placeIn(parts: readonly Part[], at: number): Place {
	const part = parts.findLast(({ from }) => from <= at) ?? parts[0];
	return { line: part.line, column: at - part.from + part.skipped + 1 };
}

/** Line and column (both from 1) of an offset in a statement's line. */
export function placeOf({ line, column, start, parts }: Pick<Placed, "line" | "column" | "start" | "parts">, at: number): Place {
	return parts === undefined ? { line, column: column + at - start } : placeIn(parts, at);
}

/** One line as it is read. */
export class Line {
	readonly tokens: readonly Token[];

	/** @throws ScriptError */
	constructor(
		readonly file: string,
		readonly source: string,
		readonly parts: readonly Part[],
	) {
		try {
			this.tokens = scan(source);
		} catch (error) {
			throw this.located(error, 0);
		}
	}

	/** of its first line, from 1 */
	get line(): number {
		return this.parts[0].line;
	}

	/** Line and column (both from 1) of an offset. */
	place(at: number): Place {
		return placeIn(this.parts, at);
	}

	/** @param hint what is expected there */
	error(what: string, at: number, hint?: string): ScriptError {
		const { line, column } = this.place(at);
		return new ScriptError(this.file, line, column, what, hint);
	}

	/** An error about a piece of the line that begins at `start`, with its place in the file; any other unchanged. */
	located(error: unknown, start: number): unknown {
		if (!(error instanceof Error) || !("at" in error) || typeof error.at !== "number") return error;
		return this.error(error.message, start + error.at, (error as Fault).hint);
	}
}

/** A `\` at the end of a line joins the next one to it, unless the line is a comment. @throws ScriptError */
export function* readLines(text: string, file: string): Generator<Line> {
	// Some editors put a byte order mark first.
	const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
	for (let at = 0; at < lines.length; at++) {
		const parts: Part[] = [{ from: 0, line: at + 1, skipped: 0 }];
		let source = lines[at];
		while (/(?:^|[^\\])(?:\\\\)*\\$/.test(source) && !/^\s*#/.test(source) && at + 1 < lines.length) {
			const next = lines[++at];
			const trimmed = next.trimStart();
			source = `${source.slice(0, -1).trimEnd()} `;
			parts.push({ from: source.length, line: at + 1, skipped: next.length - trimmed.length });
			source += trimmed;
		}
		yield new Line(file, source, parts);
	}
}
