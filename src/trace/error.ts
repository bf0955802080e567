/** The error of a trace that can not be read. */
import { Problem } from "../../structs/errors.js";

/** What is wrong with a trace file, and where. The message is composed here and nowhere else. */
export class TraceError extends Problem {
	readonly file: string;
	/** from 1; 0: the file as a whole */
	readonly line: number;
	/** from 1; absent where the whole line, or its absence, is the matter */
	readonly column: number | undefined;
	readonly problem: string;
	/** nothing is wrong but that the file ends before its program does, as a kill leaves it */
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
