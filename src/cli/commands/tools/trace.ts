/** `trace`: shows, compares and shortens traces. */
import { errnoNames } from "../../../kernel/errno.js";
import type { KernelFactory } from "../../../trace/index.js";
import type { Condition, Program } from "../../../trace/tools/index.js";
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../frame/exit.js";
import { smallNumber } from "../../frame/small-number.js";
import { kernelNamed } from "./compare.js";
import { exportCommand, importCommand } from "./trace-convert.js";
import { deliver, outputOption, place, programOf, programOption, refuseScript, some, traceArg, traceOf, typed } from "./trace-files.js";

async function show(inv: Invocation): Promise<Outcome> {
	const { showTrace, showTraceJson } = await import("../../../trace/tools/index.js");
	const { TraceError } = await import("../../../trace/index.js");
	const [file] = inv.args;
	refuseScript(file);
	const options = {
		program: programOf(inv),
		paints: inv.out,
		write: (text: string) => inv.io.stdout.write(text),
		why: await explaining(inv),
	};
	const programs = await typed(inv, () =>
		inv.common.json ? showTraceJson(place(inv, file), file, options) : showTrace(place(inv, file), options),
	).catch((error) => {
		// The document has it already.
		if (inv.common.json && error instanceof TraceError) inv.io.stderr.write(`${inv.err.bad("error:")} ${error.message}\n`);
		else throw error;
		return -1;
	});
	if (programs < 0) return { ...done, exit: exitCode.usage };
	if (programs === 0 && programOf(inv) !== undefined) throw new UsageError(`no program of ${file} is called ${programOf(inv)}`);
	return done;
}

/** The simulated kernel that `--why` asks: on the machine of the trace, or on the one that is named. */
async function explaining({ options, io }: Invocation): Promise<KernelFactory | undefined> {
	const named = options.as as string | undefined;
	if (options.why !== true && named === undefined) return undefined;
	const { kernel } = await kernelNamed(named ?? "sim", "--as", io.cwd);
	return kernel;
}

async function diff(inv: Invocation): Promise<Outcome> {
	const { countDifferences, diffToJson, diffTraces, formatDiff } = await import("../../../trace/tools/index.js");
	const max = inv.options.max === undefined ? 20 : smallNumber(inv.options.max as string, "--max");
	const [a, b] = [await traceOf(inv, inv.args[0]), await traceOf(inv, inv.args[1])];
	const found = diffTraces(a, b);
	inv.io.stdout.write(inv.common.json ? `${JSON.stringify(diffToJson(found))}\n` : formatDiff(found, max, inv.out));
	return { ...done, exit: countDifferences(found) === 0 ? exitCode.done : exitCode.failed };
}

async function minimize(inv: Invocation): Promise<Outcome> {
	const tools = await import("../../../trace/tools/index.js");
	const { options, args, io, err } = inv;
	const wanted = options.while as string | undefined;
	if (wanted === undefined)
		throw new UsageError("--while is missing", "differs, errno=EINVAL, or a command that exits 0 while it still fails");
	const trace = await traceOf(inv, args[0]);
	const programs = some(trace, programOf(inv));
	// Every candidate runs on a machine of its own.
	const made = async (option: "left" | "right", name: string) => {
		const { kernel } = await kernelNamed(name, `--${option}`, io.cwd, options.right === undefined);
		return () => kernel(trace.header)();
	};
	const left = await made("left", (options.left as string | undefined) ?? "sim");
	const right = options.right === undefined ? undefined : await made("right", options.right as string);
	const command =
		wanted === "differs" || wanted.startsWith("errno=") ? undefined : tools.commandHolds(tools.commandWords(wanted), trace.header);
	const condition = ({ steps }: Program): Condition => {
		if (command) return command;
		if (wanted !== "differs") return tools.answersErrno(steps, left, wanted.slice("errno=".length));
		return right === undefined ? tools.differsFromRecording(steps, left) : tools.kernelsDiffer(steps, left, right);
	};
	try {
		for (const program of programs) {
			const found = await tools.minimize(program.steps, condition(program), left);
			if (found === undefined) continue;
			deliver(inv, tools.traceText(trace.header, [{ name: program.name, steps: found.steps }]));
			const counts = `${found.steps.length} of ${program.steps.length} steps are needed (${found.tried} candidates tried)`;
			io.stderr.write(`${err.faint(`program ${program.name}: ${counts}`)}\n`);
			return done;
		}
	} finally {
		command?.dispose();
	}
	io.stderr.write(`${err.bad("failed")}  no whole program of ${args[0]} meets --while ${wanted}, so there is nothing to keep\n`);
	return { ...done, exit: exitCode.failed };
}

const commands: readonly CommandSpec[] = [
	{
		name: "show",
		summary: "a trace's calls, decoded, one per line",
		args: [traceArg],
		details: [
			"--why runs the programs on the simulated kernel as well and tells under each call that failed which check it did not pass,",
			"and what a call did that its answer does not show. Where the simulated kernel answers otherwise, both answers are shown.",
		].join("\n"),
		options: () => [
			programOption,
			{
				flags: "--why",
				doc: "why calls failed, as the simulated kernel sees it on the trace's machine and release",
			},
			{ flags: "--as <kernel>", value: "kernel", doc: "the same on another one: sim:machine=vtd,uapi=6.12" },
		],
		examples: [
			["trace show my.jsonl", ""],
			["trace show --why my.jsonl", "why each failed call failed"],
			["trace show test/fixtures/golden/iova.jsonl.gz --program iova-17 --json", "with every struct's fields"],
		],
		run: show,
	},
	{
		name: "diff",
		summary: "two traces, step by step and field by field",
		details: [
			"Programs are matched by name, steps by the call that they make. Names of files, places in memory (pointers are compared by",
			"mapping and offset) and ways of writing do not count as differences. Exit 0 if there are none, else 1.",
		].join("\n"),
		args: [
			{ name: "A", value: "file", doc: "a trace" },
			{ name: "B", value: "file", doc: "another" },
		],
		options: () => [programOption, { flags: "--max <n>", doc: "show this many differences (20)" }],
		examples: [["trace diff before.jsonl after.jsonl", "what a change of the kernel changed"]],
		run: diff,
	},
	{
		name: "minimize",
		summary: "leave out steps of a program while it still fails",
		details: [
			"--while says what must still happen:",
			"  differs        the kernel still answers the program's first differing step the same way, and every other step as",
			"                 recorded; with --right: two kernels answer one of the steps differently",
			"  errno=ERRNO    one of the steps that fail with it in the whole program still does",
			"  COMMAND        a command, run without a shell with the candidate's file as its last argument, exits 0;",
			"                 `! COMMAND`: exits otherwise",
			"The first program that meets the condition is taken; exit 1 if none does. None of the steps that are left can be",
			"left out. Their recorded answers stay as they are.",
		].join("\n"),
		args: [traceArg],
		options: () => [
			{
				flags: "--while <condition>",
				value: { names: ["differs", ...Array.from(errnoNames(), (name) => `errno=${name}`)] },
				doc: "differs, errno=ERRNO, or a command",
			},
			{ flags: "--left <kernel>", value: "kernel", doc: "the kernel that answers: real, sim, sim:uapi=6.12 (sim)" },
			{ flags: "--right <kernel>", value: "kernel", doc: "for differs: another kernel instead of the recorded answers" },
			programOption,
			outputOption,
		],
		examples: [
			["trace minimize my.jsonl --while differs -o small.jsonl", ""],
			["trace minimize my.jsonl --while errno=EBUSY --left real", ""],
			["trace minimize my.jsonl --while '! iommuctl replay'", "while an answer differs from the recorded one"],
		],
		run: minimize,
	},
	exportCommand,
	importCommand,
];

const family: Family = {
	name: "trace",
	apart: true,
	details: "Traces are JSON lines, plain or .gz: programs of recorded calls and what a kernel answered.",
	commands,
};
export default family;
