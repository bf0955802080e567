/** What the trace commands share: reading traces, writing results, naming files as they were typed. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Program, Trace } from "../../../trace/tools/index.js";
import type { Argument, Invocation, OptionSpec } from "../../frame/command.js";
import { UsageError } from "../../frame/exit.js";
import { readInputOrStdin } from "../../frame/io.js";

export const traceArg: Argument = { name: "FILE", value: "file", doc: "a trace, plain or .gz; - is stdin" };
export const programOption: OptionSpec = { flags: "--program <name>", doc: "only this program" };
export const outputOption: OptionSpec = { flags: "-o, --output <file>", value: "file", doc: "write there instead of to stdout" };

/** The path of a file that was named; stdin stays `-`. */
export const place = ({ io }: Invocation, file: string): string => (file === "-" ? file : resolve(io.cwd, file));

/** Refuses a script where a trace belongs; whether it can be read does not matter. @throws UsageError */
export function refuseScript(file: string): void {
	if (/\.iommu$|^(?:example|repro):/.test(file))
		throw new UsageError(`${file} is a script, not a trace`, `run it with --record first: iommuctl run ${file} --record my.jsonl`);
}

/** Errors name files as they were typed. */
export async function typed<T>(inv: Invocation, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof Error) for (const file of inv.args) error.message = error.message.replaceAll(place(inv, file), () => file);
		throw error;
	}
}

/** A trace, under the name that was typed; stderr says if it was cut short. */
export async function traceOf(inv: Invocation, file: string): Promise<Trace> {
	refuseScript(file);
	const { readPrograms } = await import("../../../trace/tools/index.js");
	const trace = await typed(inv, () => readPrograms(place(inv, file), programOf(inv)));
	if (trace.cut) tellCut(inv, file, trace.cut);
	return { ...trace, file };
}

/** Says on stderr that a file was cut short. */
export function tellCut(inv: Invocation, file: string, cut: Error): void {
	const where = cut.message.replaceAll(place(inv, file), () => file);
	inv.io.stderr.write(`${inv.err.note("note:")} ${where}; read as far as it goes\n`);
}

export const programOf = ({ options }: Invocation): string | undefined => options.program as string | undefined;

/** The programs that a command works on. @throws UsageError if there is none */
export function some({ file, programs }: Trace, name: string | undefined): readonly Program[] {
	if (programs.length === 0)
		throw new UsageError(name === undefined ? `${file} has no program` : `no program of ${file} is called ${name}`);
	return programs;
}

/** Writes what a command made to where --output says. @throws UsageError */
export function deliver(inv: Invocation, text: string): void {
	const output = inv.options.output as string | undefined;
	if (output === undefined) {
		inv.io.stdout.write(text);
		return;
	}
	try {
		writeFileSync(resolve(inv.io.cwd, output), text);
	} catch (error) {
		throw new UsageError(`--output: ${output} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
	}
}

/** A file's text, or stdin's. @throws UsageError */
export async function textOf({ io }: Invocation, file: string): Promise<string> {
	return Buffer.from(await readInputOrStdin(io, file)).toString();
}
