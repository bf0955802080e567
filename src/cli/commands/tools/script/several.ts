/** Runs several scripts for `run`, each as if it were alone. */
import { normalize } from "node:path";
import { announce } from "../../../frame/announce.js";
import { palette } from "../../../frame/colour.js";
import type { Invocation } from "../../../frame/command.js";
import { exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { BufferSink, endOf, type Sink } from "../../../frame/io.js";
import { newContext } from "../../../frame/new-context.js";
import { reportProblem } from "../../../frame/report.js";
import { smallNumber } from "../../../frame/small-number.js";
import { plural } from "../../../frame/text.js";
import { casesOf, worst } from "../cases/index.js";
import { type Digests, ReadFiles, unchanged } from "../cases/read-files.js";
import { type Case, campaignReporter, type Format, type Group, namedFiles, type Suite, singleUnit, type Unit } from "../formats/index.js";
import { variableGiven } from "./control.js";
import { runOne } from "./one.js";

/** What a script came to: what it printed, or its cases. */
interface Ran {
	readonly exit: number;
	readonly stdout: string;
	readonly stderr: string;
	readonly cases?: readonly Case[];
	readonly groups?: readonly Group[];
	/** with --resume: what it read besides */
	readonly read?: Digests;
}

/** @throws UsageError */
export async function runSeveral(inv: Invocation, format: Format | undefined): Promise<Outcome> {
	const { args, common, context, io, out } = inv;
	if (!inv.owns)
		throw new UsageError(
			"several scripts have a kernel each, as with --shard, --resume and kcidb",
			"run them outside of a script or session",
		);
	// What is wrong with them is so for every script.
	for (const given of (inv.options.var as string[] | undefined) ?? []) variableGiven(given);
	if (inv.options.seed !== undefined) smallNumber(inv.options.seed as string, "--seed");
	const names = [...new Set(args.map((file) => (file === "-" ? file : normalize(file))))];
	const { kernel, which } = await context.handle();
	const cases = await casesOf<Ran>(inv, {
		names,
		kernel: which,
		alone: notInThreads(inv, kernel.kind, names),
		holds: ({ read = {} }) => unchanged(read, io),
		run: (at) => ran(inv, names[at], format),
	});
	await announce(inv);
	const count = cases.positions.length;
	const reporter = format === undefined ? undefined : campaignReporter(format, inv.options);
	const { note } = cases;
	if (reporter)
		io.stdout.write(reporter.start({ command: "run", file: namedFiles(args), kernel: kernel.kind, which, count, each: "suite", note }));
	const exits: number[] = [];
	for await (const { exit, stdout, stderr, cases: own, groups = [] } of cases.results()) {
		const name = names[cases.positions[exits.length]];
		exits.push(exit);
		if (reporter) io.stdout.write(reporter.one(unitOf(name, exit, own, groups, stderr)));
		else {
			const bare = common.json || common.quiet;
			io.stdout.write(bare ? stdout : `${out.strong(name)}\n${stdout}`);
			io.stderr.write(stderr);
		}
		io.stdout.flush?.();
	}
	const exit = worst(exits);
	if (reporter) io.stdout.write(reporter.end(exit));
	else if (!common.json && !common.quiet) io.stdout.write(`${summary(exits, inv)}\n`);
	return { exit, errno: 0 };
}

/** Why scripts cannot run in other threads. */
function notInThreads({ common, args }: Invocation, kernel: "real" | "sim", names: readonly string[]): string | undefined {
	if (kernel === "real") return "scripts on the real kernel run one after another";
	if (common.record !== undefined) return "--record writes one script after another";
	if (common.mark === true) return "--mark writes one script after another";
	return names.includes("-") || args.some((one) => one.startsWith("/dev/")) ? "stdin is read here" : undefined;
}

/** Runs a script on a kernel of its own. */
async function ran(inv: Invocation, file: string, format: Format | undefined): Promise<Ran> {
	const cases: Case[] = [];
	let groups: readonly Group[] = [];
	const reporter = {
		start(suite: Suite) {
			groups = suite.groups;
			return "";
		},
		one(one: Case) {
			// Reports of the same cases are the same.
			cases.push({ ...one, seconds: undefined });
			return "";
		},
		end: () => "",
	};
	const kept = inv.options.resume !== undefined;
	// What is kept for later may be shown elsewhere.
	const paint = kept ? { out: await palette(0), err: await palette(0) } : {};
	const read = kept ? new ReadFiles(inv.io) : undefined;
	const stdout = new BufferSink();
	const stderr = new BufferSink();
	const io = { ...(read?.io ?? inv.io), stdout: as(inv.io.stdout, stdout), stderr: as(inv.io.stderr, stderr) };
	const { context, dispose } = newContext(inv.common, io);
	context.announced = true;
	const own = { ...inv, ...paint, io, context };
	const ended = async (): Promise<number> => {
		try {
			return await runOne(own, file, format && { format: format === "json" ? format : "ktap", reporter });
		} catch (error) {
			return reportProblem(error, io, own.err, inv.common.json && format === undefined);
		} finally {
			dispose();
		}
	};
	const exit = await ended();
	return { exit, stdout: stdout.text(), stderr: stderr.text(), ...(format && { cases, groups }), ...(read && { read: read.take() }) };
}

/** What is written to one goes to the other, in the form that is right for the first. */
const as = (form: Sink, to: Sink): Sink => ({ ...endOf(form), write: (text) => to.write(text) });

/** A script that could not be begun is one case. */
function unitOf(name: string, exit: number, cases: readonly Case[] = [], groups: readonly Group[] = [], stderr = ""): Unit {
	if (cases.length > 0) return { name, exit, cases, groups };
	return singleUnit(name, { title: name, result: "error", reason: stderr.split("\n", 1)[0], exit, stdout: "", stderr });
}

function summary(exits: readonly number[], { out }: Invocation): string {
	const skipped = exits.filter((exit) => exit === exitCode.skipped).length;
	const failed = exits.filter((exit) => exit !== exitCode.done).length - skipped;
	const parts = [
		`${exits.length - failed - skipped} ok`,
		...(failed > 0 ? [`${failed} failed`] : []),
		...(skipped > 0 ? [`${skipped} skipped`] : []),
	];
	return (failed > 0 ? out.bad : out.good)(`${plural(exits.length, "script")}: ${parts.join(", ")}`);
}
