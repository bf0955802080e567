/** Reads the programs of a trace into memory. */
import { TraceError } from "../error.js";
import type { Step, TraceHeader } from "../format.js";
import { readTrace, type TraceVisitor } from "../reader.js";

/** A program of a trace, in memory. */
export interface Program {
	readonly name: string;
	/** where in the file it begins */
	readonly line: number;
	readonly steps: readonly Step[];
	/** line number of each step */
	readonly lines: readonly number[];
}

export interface Trace {
	readonly file: string;
	readonly header: TraceHeader;
	readonly programs: readonly Program[];
	/** a note about a file that was cut short: its last program ends where the file does */
	readonly cut?: TraceError;
}

/**
 * Passes on each program when it is complete; `program` picks one by name. TraceError for a bad file, after everything
 * before the error, including the steps of a program that is cut short (for example by a killed recording).
 */
export async function eachProgram(
	file: string,
	visit: { header?(header: TraceHeader): void; program(program: Program): void },
	program?: string,
): Promise<void> {
	let now: { name: string; line: number; steps: Step[]; lines: number[] } | undefined;
	const hand = () => {
		if (now) visit.program(now);
		now = undefined;
	};
	const visitor: TraceVisitor = {
		header: (header) => visit.header?.(header),
		program(name, line) {
			if ((program ?? name) !== name) return false;
			now = { name, line, steps: [], lines: [] };
			return true;
		},
		step(step, line) {
			now?.steps.push(step);
			now?.lines.push(line);
		},
		end: hand,
	};
	try {
		await readTrace(file, visitor);
	} catch (error) {
		if (error instanceof TraceError && now && now.steps.length > 0) hand();
		throw error;
	}
}

/** Like `eachProgram`, but accepts a file that was cut short. @returns the note about it in that case */
export async function eachProgramThere(...words: Parameters<typeof eachProgram>): Promise<TraceError | undefined> {
	try {
		await eachProgram(...words);
		return undefined;
	} catch (error) {
		if (error instanceof TraceError && error.cut) return error;
		throw error;
	}
}

/** A whole trace; for files that people work on by hand, not for the largest. A file that was cut short is accepted, with a note. */
export async function readPrograms(file: string, program?: string): Promise<Trace> {
	let header: TraceHeader | undefined;
	const programs: Program[] = [];
	const visit = {
		header: (read: TraceHeader) => {
			header = read;
		},
		program: (read: Program) => programs.push(read),
	};
	const cut = await eachProgramThere(file, visit, program);
	return { file, header: header as TraceHeader, programs, ...(cut && { cut }) };
}

/** A trace with these programs, as text. */
export function traceText(header: TraceHeader, programs: readonly { readonly name: string; readonly steps: readonly Step[] }[]): string {
	const records = programs.flatMap(({ name, steps }) => [{ program: name }, ...steps, { op: "end" }]);
	return [header, ...records].map((record) => `${JSON.stringify(record)}\n`).join("");
}
