/** The error for a trace that cannot be read. */
import { Problem } from "../../structs/errors.js";

/** What is wrong with a trace file, and where. Only this class composes the message. */
export class TraceError extends Problem {
	readonly file: string;
	/** from 1; 0: the file as a whole */
	readonly line: number;
	/** from 1; absent if the whole line is wrong or missing */
	readonly column: number | undefined;
	readonly problem: string;
	/** the only problem is that the file ends before its program does, as after a kill */
	readonly cut: boolean;

	constructor(file: string, line: number, column: number | undefined, problem: string, cut = false) {
		super("usage", `${file}${line === 0 ? "" : `:${line}`}${column === undefined ? "" : `:${column}`}: ${problem}`);
		this.file = file;
		this.line = line;
		this.column = column;
		this.problem = problem;
		this.cut = cut;
	}
}
