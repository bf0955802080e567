import { TraceError } from "../error.js";
import type { Step, TraceHeader } from "../format.js";
import { readTrace, type TraceVisitor } from "../reader.js";

/** A program of a trace, in memory. */
export interface Program {
	readonly name: string;
	/** where in the file it begins */
	readonly line: number;
	readonly steps: readonly Step[];
	/** of each step */
	readonly lines: readonly number[];
}

export interface Trace {
	readonly file: string;
	readonly header: TraceHeader;
	readonly programs: readonly Program[];
	/** what is to be said of a file that was cut short: its last program ends where the file does */
	readonly cut?: TraceError;
}

/**
 * Hands each program over when it is complete; `program` picks one by name. TraceError for a bad file, after what came
 * before: also the steps of a program that the file, a killed recording say, cuts short.
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

/** As `eachProgram`, but a file that was cut short is taken as it is. @returns what is to be said of it then */
export async function eachProgramThere(...words: Parameters<typeof eachProgram>): Promise<TraceError | undefined> {
	try {
		await eachProgram(...words);
		return undefined;
	} catch (error) {
		if (error instanceof TraceError && error.cut) return error;
		throw error;
	}
}

/** A whole trace; for files that people work on by hand, not for the largest. One that was cut short is taken as it is, and says so. */
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

/** The text of a trace with these programs. */
export function traceText(header: TraceHeader, programs: readonly { readonly name: string; readonly steps: readonly Step[] }[]): string {
	const records = programs.flatMap(({ name, steps }) => [{ program: name }, ...steps, { op: "end" }]);
	return [header, ...records].map((record) => `${JSON.stringify(record)}\n`).join("");
}
