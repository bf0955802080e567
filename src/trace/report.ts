/** The replay report, for people and as JSON. */
import { answerJson } from "./answer.js";
import { describeAnswers, describeArgument, describeCall } from "./describe.js";
import type { Difference, FileReport, ReplayReport } from "./replay-files.js";

export interface FormatOptions {
	/** wraps text that should stand out; by default left as it is */
	readonly bad?: (text: string) => string;
	readonly dim?: (text: string) => string;
	/** errors of files are shown elsewhere */
	readonly withoutErrors?: boolean;
}

/** lines shown of one answer */
const MOST_LINES = 12;

const same = (text: string): string => text;

/** A replay for people: a line for each file, the first differences, the sum. */
export function formatReport(report: ReplayReport, options: FormatOptions = {}): string {
	const bad = options.bad ?? same;
	const lines = report.files.flatMap((file) => formatFile(file, bad, options.withoutErrors === true));
	if (report.files.length > 1) lines.push(`all: ${counts(report, bad)}`);
	for (const difference of report.differences) lines.push("", ...formatDifference(difference, options));
	for (const { file, line, program, number, reason, steps } of report.blocked)
		lines.push(
			"",
			bad(`${file}:${line}: program ${program}, step ${number}: not run from here on (${steps} steps with an answer): ${reason}`),
			`  every start places it elsewhere, so try again: iommuctl replay ${file} --program ${program} --kernel real`,
		);
	const more = report.differing - report.differences.length;
	if (more > 0 && report.differences.length > 0) lines.push("", `(${more} more; --max N shows more)`);
	if (report.program !== undefined && report.programs === 0) lines.push("", bad(`no program is called ${report.program}`));
	return lines.map((line) => `${line}\n`).join("");
}

/** The report as the JSON document `iommuctl.replay`. */
export function reportToJson(report: ReplayReport): object {
	return {
		schema: "iommuctl.replay",
		version: 1,
		files: report.files.map(({ file, programs, steps, differing, error }) => ({
			file,
			programs,
			steps,
			differing,
			...(error && { error: { line: error.line, column: error.column, message: error.problem } }),
		})),
		programs: report.programs,
		steps: report.steps,
		differing: report.differing,
		differences: report.differences.map(differenceToJson),
		...(report.blocked.length > 0 && {
			blocked: report.blocked.map(({ number, ...rest }) => ({ ...rest, step: number })),
		}),
	};
}

function differenceToJson({ file, line, program, number, step, expected, got }: Difference): object {
	return { file, line, program, step: number, call: step ?? { op: "end" }, expected: answerJson(expected), got: answerJson(got) };
}

function counts(of: { programs: number; steps: number; differing: number }, bad: (text: string) => string): string {
	const differing = `${of.differing} differing`;
	return `${of.programs} programs, ${of.steps} steps, ${of.differing === 0 ? differing : bad(differing)}`;
}

function formatFile(report: FileReport, bad: (text: string) => string, withoutErrors: boolean): string[] {
	const line = `${report.file}: ${counts(report, bad)}`;
	if (report.error === undefined) return [line];
	const before = "only the part before is counted";
	if (withoutErrors) return report.steps > 0 ? [`${line} (${before})`] : [];
	return [line, `${bad(report.error.message)}${report.steps > 0 ? ` (${before})` : ""}`];
}

function formatDifference(difference: Difference, options: FormatOptions): string[] {
	const { file, line, program, number, step } = difference;
	const { expected, got } = describeAnswers(difference);
	const dim = options.dim ?? same;
	return [
		`${file}:${line}: program ${program}, step ${number}: ${describeCall(step)}`,
		...describeArgument(step).map((text) => `    ${dim(text)}`),
		...labelled("expected", expected),
		...labelled("got", got).map(options.bad ?? same),
	];
}

/** An answer's lines under its label, cut after the first MOST_LINES. */
function labelled(label: string, lines: readonly string[]): string[] {
	const all = lines.length === 0 ? ["(nothing of this)"] : lines.slice(0, MOST_LINES);
	if (lines.length > MOST_LINES) all.push(`(${lines.length - MOST_LINES} more lines)`);
	return all.map((line, i) => `  ${(i === 0 ? label : "").padEnd(9)} ${line}`);
}
