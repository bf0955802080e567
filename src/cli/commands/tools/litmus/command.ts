/** `litmus`: calls that race, every outcome that some order of them allows, and those that a real kernel shows. */
import type { Family, Invocation } from "../../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { smallNumber } from "../../../frame/small-number.js";
import { caseOptions } from "../cases/options.js";
import type { Format } from "../formats/index.js";
import { formatGiven, formatOptions } from "../formats/options.js";
import { howLong } from "./how-long.js";
import type { Result, Writer } from "./report.js";

async function run(inv: Invocation): Promise<Outcome> {
	const { common, context, io, options } = inv;
	const seed = number(options.seed, "--seed") ?? 1;
	const limit = number(options.orders, "--orders") ?? 20_000;
	const show = number(options.show, "--show");
	// A mistake in them is one on every kernel.
	howLong(options);
	if (limit === 0) throw new UsageError("--orders 0: at least one order is needed");
	if (common.why && (show === undefined || common.json || options.format !== undefined))
		throw new UsageError("--why explains the order that --show prints", "add --show N, without --json and --format");
	const format = formatGiven<Format>(inv, true);
	const { readSources } = await import("./sources.js");
	const { announce } = await import("../../../frame/announce.js");
	const sources = await readSources(io, inv.args);
	if (show !== undefined && sources.length > 1) throw new UsageError("--show shows an outcome of one test", "name one file");
	if (show !== undefined && (common.json || format !== undefined))
		throw new UsageError("--show prints calls for people to read", "leave out --json and --format, or --show");
	if (typeof options.c === "string") {
		const running = common.json ? "json" : ["format", "show", "shard", "resume", "jobs"].find((name) => options[name] !== undefined);
		if (running !== undefined) throw new UsageError("--c writes a program and runs no test", `leave --${running} out`);
		if (sources.length > 1) throw new UsageError("--c writes one test", "name one file");
		if (common.inject !== undefined)
			throw new UsageError("--inject does not reach the calls of the C program", "leave out --inject or --c");
		const { readTest } = await import("./record.js");
		const { exportC } = await import("./export.js");
		return exportC(inv, await readTest(inv, sources[0].file, sources[0].text), options.c, { limit, seed });
	}
	const { kernel, which } = await context.handle();
	if (common.inject !== undefined && kernel.kind === "real")
		throw new UsageError(
			"--inject: threads that race make their calls on the real kernel itself",
			"use --kernel sim, where every order gets the answers",
		);
	if (common.mark && kernel.kind === "sim")
		throw new UsageError(
			"--mark: every order has a simulated kernel of its own, whose log ends with it",
			"use --kernel real, or leave it out",
		);
	const { casesOf, worst } = await import("../cases/index.js");
	const { unchanged } = await import("../cases/read-files.js");
	const { judging } = await import("./one.js");
	const { writerFor } = await import("./report.js");
	const judge = await judging(inv, { seed, limit, show, format, kernel: kernel.kind, which });
	const cases = await casesOf<Result>(inv, {
		names: sources.map(({ file }) => file),
		kernel: which,
		alone:
			kernel.kind === "real"
				? "tests on the real kernel race one after another"
				: inv.args.includes("-")
					? "stdin is read here"
					: undefined,
		holds: ({ read = {} }) => unchanged(read, io),
		run: (at) => judge.run(sources[at]),
	});
	await announce(inv);
	const writer = writerFor(inv, { format, kernel: kernel.kind, which, count: cases.positions.length, note: cases.note });
	const exits: number[] = [];
	for await (const result of cases.results()) {
		exits.push(result.exit);
		writer.one(result);
		io.stdout.flush?.();
		// A thread that the kernel does not let go keeps the process from ending in the usual way.
		if (result.hanging) return await leave(inv, writer);
	}
	await judge.end();
	const exit = worst(exits);
	writer.end(exit);
	return { ...done, exit };
}

async function leave({ io }: Invocation, writer: Writer): Promise<never> {
	writer.end(exitCode.failed);
	io.stdout.flush?.();
	io.stderr.flush?.();
	return (await import("../../../../kernel/real/index.js")).exitNow(exitCode.failed);
}

function number(text: unknown, option: string): number | undefined {
	return text === undefined ? undefined : smallNumber(text as string, option);
}

const family: Family = {
	name: "litmus",
	apart: true,
	commands: [
		{
			name: "",
			summary: "race calls: every outcome that some order allows, and those that a real kernel shows",
			details: [
				"A test has `setup { }`, at least two `thread NAME { }` or `process NAME { }` (which has memory of its own), perhaps",
				"`finally { }`, and lines `forbid CONDITION` and",
				"`require CONDITION` over the threads' answers, such as `a.1.errno == EFAULT`: the first line of thread a. Lines in the",
				"blocks are those of scripts (iommuctl run --help).",
				"",
				"On the simulated kernel every order of the threads' calls is run; what they answer are the allowed outcomes. Where there are",
				"more orders than --orders, a sample is run. On the real kernel each thread is a thread of this process: they race for many",
				"rounds, and an outcome that no order of the calls explains is a failure. So are one that `forbid` or `require` rejects,",
				"and a warning in the kernel's log meanwhile.",
			].join("\n"),
			args: [{ name: "FILE", value: "file", doc: "the test, a folder with such files, or - for stdin", variadic: true }],
			options: () => [
				{ flags: "--show <n>", doc: "show the nth allowed outcome call by call" },
				{ flags: "--orders <n>", doc: "run at most this many orders (20000); where there are more, a random sample of as many" },
				{ flags: "--rounds <n>", doc: "on the real kernel: race this many times (10000)" },
				{ flags: "--time <time>", doc: "on the real kernel: race for this long, such as 30s, instead of --rounds" },
				{ flags: "--pin", doc: "on the real kernel: keep each thread on a CPU of its own" },
				{ flags: "--seed <n>", doc: "of what is random: the sample, the threads' delays (1)" },
				{
					flags: "--c <file>",
					value: "file",
					doc: "write a C program with POSIX threads that races the calls and prints the same histogram; - is stdout",
				},
				...formatOptions("a case for each test"),
				...caseOptions,
			],
			groups: ["kernel", "own-kernel", "quiet"],
			examples: [
				["litmus scripts/litmus", "all tests of a folder"],
				["litmus scripts/litmus/map-unmap.iommu --show 2", "an order that gives the second outcome, call by call"],
				["litmus scripts/litmus/map-unmap.iommu --kernel real --time 30s --pin", "the same calls as threads on the real kernel"],
				["litmus scripts/litmus/map-unmap.iommu --c race.c", "as a C program"],
			],
			run,
		},
	],
};
export default family;
