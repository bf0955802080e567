/** `replay`: recorded traces, made again and compared. */
import { normalize, resolve } from "node:path";
import { replacedRequests } from "../../../../../structs/index.js";
import { EnvironmentError } from "../../../../kernel/environment-error.js";
import type { KernelFactory, ReplayReport } from "../../../../trace/index.js";
import type { Family, Invocation } from "../../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { iommuPath } from "../../../frame/kernel-choice.js";
import { smallNumber } from "../../../frame/small-number.js";
import { caseOptions } from "../cases/options.js";
import type { Format } from "../formats/index.js";
import { formatGiven, formatOptions } from "../formats/options.js";
import { refuseScript } from "../trace-files.js";

async function run(inv: Invocation): Promise<Outcome> {
	const { args, options, common, io, out, err } = inv;
	const max = smallNumber((options.max as string | undefined) ?? "10", "--max", "a number of differences");
	if (common.machine !== undefined) throw new UsageError("--machine: a trace itself says which machine it is about", "leave it out");
	const format = formatGiven<Format>(inv, false);
	for (const file of args) refuseScript(file);
	const { formatReport, joinReports, replayExitCode, reportToJson } = await import("../../../../trace/index.js");
	const factory = await kernelFactory(common.kernel, common.uapi);
	if (typeof factory === "number") return { ...done, exit: factory };
	const { casesOf, worst } = await import("../cases/index.js");
	const { fromJson, replaying, timeOf, unitOf } = await import("./one.js");
	const { progress } = await import("../../../frame/progress.js");
	const bar = progress(io.stderr);
	// A trace is one case, however often it is named.
	const files = [...new Map(args.map((file) => [file === "-" ? file : resolve(io.cwd, file), file])).values()];
	const program = options.program as string | undefined;
	const replay = await replaying(inv, { kernel: factory.kernel, program, max, tell: (text) => bar.tell(text) });
	const cases = await casesOf(inv, {
		names: files.map((file) => (file === "-" ? file : normalize(file))),
		kernel: factory.which,
		alone:
			factory.kind === "real"
				? "programs on the real kernel run one after another"
				: files.some((file) => file === "-" || file.startsWith("/dev/"))
					? "stdin is read here"
					: undefined,
		time: (at) => timeOf(io, files[at]),
		run: (at) => replay(files[at]),
	});
	if (!common.json && !common.quiet) io.stderr.write(`${err.faint(`kernel: ${factory.which}`)}\n`);
	const { positions, note } = cases;
	const { campaignReporter, namedFiles } = await import("../formats/index.js");
	const reporter = format && campaignReporter(format, options);
	const { kind, which } = factory;
	if (reporter)
		io.stdout.write(
			reporter.start({ command: "replay", file: namedFiles(args), kernel: kind, which, count: positions.length, note, each: "case" }),
		);
	const reports: ReplayReport[] = [];
	const exits: number[] = [];
	for await (const result of cases.results()) {
		const one = fromJson(result);
		reports.push(one);
		bar.tell(`${reports.length} of ${positions.length} files`);
		if (reporter === undefined) continue;
		const unit = unitOf(one, program);
		exits.push(unit.exit);
		io.stdout.write(reporter.one(unit));
		io.stdout.flush?.();
	}
	bar.end();
	const report = joinReports(reports, { program: note === undefined ? program : undefined, max });
	const exit = replayExitCode(report);
	if (reporter) io.stdout.write(reporter.end(worst(exits)));
	else if (common.json) {
		const shard = note && { shard: { ...note, max } };
		io.stdout.write(`${JSON.stringify({ ...reportToJson(report), kernel: kind, ...shard })}\n`);
	} else if (!common.quiet) io.stdout.write(formatReport(report, { bad: out.bad, dim: out.faint, withoutErrors: true }));
	if ((reporter || common.json) && report.program !== undefined && report.programs === 0)
		io.stderr.write(`${err.bad("error:")} no program is called ${report.program}\n`);
	for (const { error } of reporter ? [] : report.files) {
		if (error) io.stderr.write(`${err.bad("error:")} ${error.message}\n`);
	}
	return { ...done, exit: reporter && exit === exitCode.done ? worst(exits) : exit };
}

/** How to make kernels; or the exit code of the process that has replayed them. */
async function kernelFactory(
	choice: string,
	uapi?: readonly string[],
): Promise<{ kernel: KernelFactory; which: string; kind: "real" | "sim" } | number> {
	if (choice === "real") {
		const { openRealKernel, explainOpenFailure } = await import("../../../../kernel/real/index.js");
		// Fails at once if there is no FFI, or no /dev/iommu.
		const probe = openRealKernel();
		const fd = probe.open(iommuPath);
		probe.exit();
		if (fd < 0) {
			const { message, hint } = explainOpenFailure(iommuPath, -fd);
			throw new EnvironmentError(message, hint);
		}
		const { inProcessWithLowFiles, withLowFiles } = await import("../../../frame/low-files.js");
		const exit = inProcessWithLowFiles();
		if (exit !== undefined) return exit;
		const { recordersFiles } = await import("../../../../sim/index.js");
		return { kernel: (header) => () => withLowFiles(openRealKernel, recordersFiles(header)), which: "real", kind: "real" };
	}
	// Traces are about known machines: without --kernel real they run on the simulated ones, whatever this machine has.
	const { createSim, mixedMachine } = await import("../../../../sim/index.js");
	// Traces of the selftest's mock devices have no machine that takes a proposal: a name that is not known is a mistake all the same.
	if (uapi !== undefined) createSim({ machine: mixedMachine, uapi });
	// One machine for all programs of a trace, as when it was recorded: what devices keep outlives a program.
	const kernel: KernelFactory = (header) => {
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
				...formatOptions("a case for each file"),
				...caseOptions,
			],
			groups: ["kernel", "own-kernel", "quiet"],
			examples: [
				["replay test/fixtures/golden/iova.jsonl.gz", ""],
				["replay my.jsonl --program iova-17 --max 1", "one program, its first difference"],
				["replay *.jsonl.gz --json", ""],
				["replay *.jsonl.gz --shard 1/4 --resume done", "a quarter of the files; started again, it goes on where it was"],
			],
			run,
		},
	],
};
export default family;
