/** `replay`: recorded traces, made again and compared. */
import { resolve } from "node:path";
import { replacedRequests } from "../../../../structs/index.js";
import { EnvironmentError } from "../../../kernel/environment-error.js";
import type { Family, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { iommuPath } from "../../frame/kernel-choice.js";
import { smallNumber } from "../../frame/small-number.js";

async function run({ args, options, common, io, out, err }: Invocation): Promise<Outcome> {
	const max = smallNumber((options.max as string | undefined) ?? "10", "--max", "a number of differences");
	if (common.machine !== undefined) throw new UsageError("--machine: a trace itself says which machine it is about", "leave it out");
	const { formatReport, replayExitCode, replayFiles, reportToJson } = await import("../../../trace/index.js");
	const factory = await kernelFactory(common.kernel, common.uapi);
	if (typeof factory === "number") return { ...done, exit: factory };
	const { injecting, parseInjection } = await import("../../../kernel/inject.js");
	const injections = (common.inject ?? []).map(parseInjection);
	if (!common.json) io.stderr.write(`${err.faint(`kernel: ${factory.which}`)}\n`);
	const { progress } = await import("../../frame/progress.js");
	const bar = progress(io.stderr);
	let programs = 0;
	const names = new Map(args.map((file) => [file === "-" ? file : resolve(io.cwd, file), file]));
	const report = await replayFiles([...names.keys()], {
		// Each program counts its calls for itself.
		kernel: (header) => {
			const make = factory.kernel(header);
			return () => {
				bar.tell(`program ${++programs}`);
				return injecting(make(), injections);
			};
		},
		program: options.program as string | undefined,
		max: max,
	});
	bar.end();
	// Files are read from where the command was typed, and reported as they were typed.
	const typed = (text: string): string => [...names].reduce((shown, [path, file]) => shown.replaceAll(path, file), text);
	if (common.json) io.stdout.write(`${typed(JSON.stringify({ ...reportToJson(report), kernel: factory.kind }))}\n`);
	else if (!common.quiet) io.stdout.write(typed(formatReport(report, { bad: out.bad, dim: out.faint, withoutErrors: true })));
	for (const { error } of report.files) {
		if (error) io.stderr.write(`${err.bad("error:")} ${typed(error.message)}\n`);
	}
	return { ...done, exit: replayExitCode(report) };
}

type Factory = import("../../../trace/index.js").KernelFactory;

/** How to make kernels; or the exit code of the process that has replayed them. */
async function kernelFactory(choice: string, uapi?: readonly string[]): Promise<{ kernel: Factory; which: string; kind: string } | number> {
	if (choice === "real") {
		const { openRealKernel, explainOpenFailure } = await import("../../../kernel/real/index.js");
		// Fails at once if there is no FFI, or no /dev/iommu.
		const probe = openRealKernel();
		const fd = probe.open(iommuPath);
		probe.exit();
		if (fd < 0) {
			const { message, hint } = explainOpenFailure(iommuPath, -fd);
			throw new EnvironmentError(message, hint);
		}
		const { inProcessWithLowFiles, withLowFiles } = await import("../../frame/low-files.js");
		const exit = inProcessWithLowFiles();
		if (exit !== undefined) return exit;
		const { recordersFiles } = await import("../../../sim/index.js");
		return { kernel: (header) => () => withLowFiles(openRealKernel, recordersFiles(header)), which: "real", kind: "real" };
	}
	// Traces are about known machines: without --kernel real they run on the simulated ones, whatever this machine has.
	const { createSim } = await import("../../../sim/index.js");
	// One machine for all programs of a trace, as when it was recorded: what devices keep outlives a program.
	const kernel: Factory = (header) => {
		const sim = createSim({ header, uapi, replaced: replacedRequests() });
		return () => sim.newProcess();
	};
	return { kernel, which: "simulated, the machine of each trace", kind: "sim" };
}

const family: Family = {
	name: "replay",
	apart: true,
	commands: [
		{
			name: "",
			summary: "replay recorded traces and compare every answer",
			details: [
				"A trace is JSON lines, plain or .gz: programs of recorded calls and what a kernel answered. Every program runs on a",
				"fresh kernel; after a difference it goes on. Without --kernel real the simulated kernel answers.",
				"Exit 0 if no answer differs, 1 if some do, 2 if a file is malformed (what comes before is counted), 3 if a program could",
				"not be run to its end as this process has its own memory where the program maps its (--kernel real only; try it again).",
			].join("\n"),
			args: [{ name: "FILE", value: "file", doc: "a trace; - is stdin", variadic: true }],
			options: () => [
				{ flags: "--max <n>", doc: "show this many differences (10)" },
				{ flags: "--program <name>", doc: "run only this program" },
			],
			groups: ["kernel", "own-kernel", "quiet"],
			examples: [
				["replay test/fixtures/golden/iova.jsonl.gz", ""],
				["replay my.jsonl --program iova-17 --max 1", "one program, its first difference"],
				["replay *.jsonl.gz --json", ""],
			],
			run,
		},
	],
};
export default family;
