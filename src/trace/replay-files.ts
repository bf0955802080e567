/** Replays the programs of trace files and collects the report. */
import { exitCode, InputError } from "../../structs/index.js";
import type { Kernel } from "../kernel/kernel.js";
import type { Why } from "../kernel/why.js";
import type { Answer } from "./answer.js";
import { recordedAnswer } from "./answer.js";
import { TraceError } from "./error.js";
import type { Step, TraceHeader } from "./format.js";
import type { PreparedCall } from "./prepared.js";
import type { TraceVisitor } from "./reader.js";
import { readTrace } from "./reader.js";
import { ProgramReplay } from "./replayer.js";

/** Makes the machine that a trace's header names, and gives each program a kernel of its own on it. */
export type KernelFactory = (header: TraceHeader) => () => Kernel;

export interface ReplayOptions {
	readonly kernel: KernelFactory;
	/** run only the program of this name */
	readonly program?: string;
	/** how many differences to keep, over all files; all are counted. Default 10 */
	readonly max?: number;
	/** called after each file */
	readonly onFile?: (file: FileReport) => void;
	/** called after each step with its answer, and with what the call did that its answer does not show */
	readonly onStep?: (step: Step, answer: Answer, notes: readonly Why[]) => void;
}

/** One answer that differs from the recorded one. */
export interface Difference {
	readonly file: string;
	readonly line: number;
	readonly program: string;
	/** the step's number in its program, from 1 */
	readonly number: number;
	/** undefined: the program's end */
	readonly step: Step | undefined;
	readonly expected: Answer;
	readonly got: Answer;
}

/** A program whose rest could not be run in this process. */
export interface Blocked {
	readonly file: string;
	readonly line: number;
	readonly program: string;
	/** the step's number in its program, from 1 */
	readonly number: number;
	readonly reason: string;
	/** steps with a recorded answer that were not run */
	readonly steps: number;
}

export interface Counts {
	readonly programs: number;
	/** steps with a recorded answer that were run */
	readonly steps: number;
	/** steps that were answered differently */
	readonly differing: number;
}

export interface FileReport extends Counts {
	readonly file: string;
	/** what is wrong with the file; the counts cover the part before it */
	readonly error?: TraceError;
}

export interface ReplayReport extends Counts {
	readonly files: readonly FileReport[];
	readonly differences: readonly Difference[];
	readonly blocked: readonly Blocked[];
	/** the one program that was asked for */
	readonly program?: string;
}

const SHOWN = 10;

/** Replays each file's programs on a kernel and compares every recorded answer. Bad files are in the report, not thrown. */
export async function replayFiles(files: readonly string[], options: ReplayOptions): Promise<ReplayReport> {
	const differences: Difference[] = [];
	const blocked: Blocked[] = [];
	const reports: FileReport[] = [];
	for (const file of files) {
		const replay = new FileReplay(file, options, differences, blocked);
		const report = await replay.run();
		options.onFile?.(report);
		reports.push(report);
	}
	return { files: reports, ...summed(reports), differences, blocked, program: options.program };
}

function summed(files: readonly FileReport[]): Counts {
	const sum = (count: (report: FileReport) => number) => files.reduce((total, report) => total + count(report), 0);
	return {
		programs: sum((report) => report.programs),
		steps: sum((report) => report.steps),
		differing: sum((report) => report.differing),
	};
}

/** Reports of some files each as the report of all of them; of the differences the first `max` stay. */
export function joinReports(reports: readonly ReplayReport[], { program, max }: Pick<ReplayOptions, "program" | "max">): ReplayReport {
	const files = reports.flatMap((report) => report.files);
	const differences = reports.flatMap((report) => report.differences).slice(0, max ?? SHOWN);
	return { files, ...summed(files), differences, blocked: reports.flatMap((report) => report.blocked), program };
}

/** Exit code of a replay: 2 for a bad file or a program that was not found, 1 for differences, 3 for programs that could not be run to their end, else 0. */
export function replayExitCode(report: ReplayReport): number {
	if (report.files.some((file) => file.error) || (report.program !== undefined && report.programs === 0)) return exitCode.usage;
	if (report.differing > 0) return exitCode.failed;
	return report.blocked.length > 0 ? exitCode.environment : exitCode.done;
}

class FileReplay implements TraceVisitor {
	#newKernel: (() => Kernel) | undefined;
	#replay: ProgramReplay | undefined;
	#name = "";
	#number = 0;
	#programs = 0;
	#steps = 0;
	#differing = 0;
	readonly #file: string;
	readonly #options: ReplayOptions;
	readonly #differences: Difference[];
	readonly #blocked: Blocked[];
	/** where the running program was blocked */
	#place: { line: number; number: number } | undefined;

	constructor(file: string, options: ReplayOptions, differences: Difference[], blocked: Blocked[]) {
		this.#file = file;
		this.#options = options;
		this.#differences = differences;
		this.#blocked = blocked;
	}

	async run(): Promise<FileReport> {
		let error: TraceError | undefined;
		try {
			await readTrace(this.#file, this);
		} catch (thrown) {
			if (!(thrown instanceof TraceError)) throw thrown;
			error = thrown;
		}
		if (this.#replay) this.end(error?.line ?? 0);
		return { file: this.#file, programs: this.#programs, steps: this.#steps, differing: this.#differing, ...(error && { error }) };
	}

	header(header: TraceHeader): void {
		try {
			this.#newKernel = this.#options.kernel(header);
		} catch (thrown) {
			if (!(thrown instanceof InputError)) throw thrown;
			throw new TraceError(this.#file, 1, undefined, thrown.message);
		}
	}

	program(name: string): boolean {
		if (this.#newKernel === undefined || (this.#options.program ?? name) !== name) return false;
		this.#name = name;
		this.#number = 0;
		this.#programs++;
		this.#replay = new ProgramReplay(this.#newKernel(), true);
		return true;
	}

	step(step: Step, line: number): void {
		const replay = this.#replay as ProgramReplay;
		this.#number++;
		const got = replay.run(step);
		if (got !== undefined) this.#differs(step, line, got);
		this.#options.onStep?.(step, got ?? replay.explained(recordedAnswer(step)), replay.notes());
		if (replay.blocked !== undefined) this.#place ??= { line, number: this.#number };
	}

	call(call: PreparedCall, line: number, written: { readonly step: Step }): void {
		if (this.#options.onStep !== undefined) {
			this.step(written.step, line);
			return;
		}
		this.#number++;
		const got = (this.#replay as ProgramReplay).make(call);
		if (got !== undefined) this.#differs(written.step, line, got);
	}

	end(line: number): void {
		const replay = this.#replay as ProgramReplay;
		this.#number++;
		const got = replay.end();
		if (got !== undefined) this.#differs(undefined, line, got);
		if (this.#place !== undefined && replay.blocked !== undefined)
			this.#blocked.push({
				file: this.#file,
				...this.#place,
				program: this.#name,
				reason: replay.blocked,
				steps: replay.notCompared,
			});
		this.#place = undefined;
		this.#steps += replay.steps;
		this.#differing += replay.differing;
		this.#replay = undefined;
	}

	#differs(step: Step | undefined, line: number, got: Answer): void {
		if (this.#differences.length >= (this.#options.max ?? SHOWN)) return;
		const expected: Answer = step === undefined ? { note: "success" } : recordedAnswer(step);
		this.#differences.push({ file: this.#file, line, program: this.#name, number: this.#number, step, expected, got });
	}
}
