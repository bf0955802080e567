/** Replays one trace for `replay`: what it comes to is JSON, so that threads and folders can pass it on. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { injecting, parseInjection } from "../../../../kernel/inject.js";
import { formatReport, type KernelFactory, type ReplayReport, replayExitCode, replayFiles, TraceError } from "../../../../trace/index.js";
import type { Invocation } from "../../../frame/command.js";
import { exitCode } from "../../../frame/exit.js";
import type { Io } from "../../../frame/io.js";
import { type Case, singleUnit, type Unit } from "../formats/index.js";

export interface ReplayingOptions {
	readonly kernel: KernelFactory;
	/** only this program */
	readonly program?: string;
	/** differences to keep */
	readonly max: number;
	/** how far it has come */
	tell(text: string): void;
}

/** A report of one file, with what is wrong with the file in place of an error. */
type Wire = Omit<ReplayReport, "files"> & {
	readonly files: readonly (Omit<ReplayReport["files"][number], "error"> & {
		readonly error?: Pick<TraceError, "file" | "line" | "column" | "problem" | "cut">;
	})[];
};

/** Replays a file; the report names it as it was typed. */
export async function replaying(
	{ io, common }: Invocation,
	{ kernel, program, max, tell }: ReplayingOptions,
): Promise<(file: string) => Promise<Wire>> {
	const injections = (common.inject ?? []).map(parseInjection);
	let programs = 0;
	return async (file) => {
		const path = file === "-" ? file : resolve(io.cwd, file);
		const report = await replayFiles([path], {
			// Each program counts its calls for itself.
			kernel: (header) => {
				const make = kernel(header);
				return () => {
					tell(`program ${++programs}`);
					return injecting(make(), injections);
				};
			},
			program,
			max,
		});
		// Files are read from where the command was typed, and reported as they were typed.
		return JSON.parse(JSON.stringify(wire(report)).replaceAll(inJson(path), () => inJson(file))) as Wire;
	};
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function wire(report: ReplayReport): Wire {
	const files = report.files.map(({ error, ...rest }) => {
		if (error === undefined) return rest;
		const { file, line, column, problem, cut } = error;
		return { ...rest, error: { file, line, column, problem, cut } };
	});
	return { ...report, files };
}

export function fromJson({ files, ...rest }: Wire): ReplayReport {
	return {
		...rest,
		files: files.map(({ error, ...file }) => {
			if (error === undefined) return file;
			return { ...file, error: new TraceError(error.file, error.line, error.column, error.problem, error.cut) };
		}),
	};
}

/** Compressed bytes and plain bytes that are replayed in a millisecond, about, by a process that has just begun. */
const COMPRESSED = 1300;
const PLAIN = 40_000;

/** About how long a file takes, ms. */
export function timeOf({ cwd }: Pick<Io, "cwd">, file: string): number {
	const size = statSync(resolve(cwd, file), { throwIfNoEntry: false })?.size ?? 0;
	return size / (file.endsWith(".gz") ? COMPRESSED : PLAIN);
}

const results: Readonly<Record<number, Case["result"]>> = { [exitCode.done]: "ok", [exitCode.failed]: "failed" };

/** A file as a case. @param wanted the only program that is run: a file without it is skipped */
export function unitOf({ program: _, ...report }: ReplayReport, wanted?: string): Unit {
	const [{ file, error, steps, differing }] = report.files;
	if (wanted !== undefined && error === undefined && report.programs === 0)
		return singleUnit(file, {
			title: file,
			result: "skipped",
			reason: `it has no program called ${wanted}`,
			exit: exitCode.skipped,
			stdout: "",
		});
	const exit = replayExitCode(report);
	const reason =
		error?.message ??
		(differing > 0
			? `${differing} of ${steps} answers differ`
			: report.blocked.length > 0
				? "a program could not be run to its end"
				: undefined);
	const stdout = formatReport(report, { withoutErrors: true });
	const stderr = error === undefined ? "" : `${error.message}\n`;
	return singleUnit(file, { title: file, result: results[exit] ?? "error", reason, exit, stdout, stderr });
}
