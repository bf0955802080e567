import { resolve } from "node:path";
import { familyEntry } from "./families.js";
import { type ColourWhen, colourLevel, palette } from "./frame/colour.js";
import type { CommonOptions, Invocation, Place } from "./frame/command.js";
import { commonValueOptions, readCommon } from "./frame/common-options.js";
import { Context } from "./frame/context.js";
import { done, elsewhere, exitCode, type Outcome, UsageError } from "./frame/exit.js";
import type { Io } from "./frame/io.js";
import type { KernelHandle } from "./frame/kernel-choice.js";
import { HelpShown, type Parsed, parseCommandLine } from "./frame/program.js";
import { reportProblem } from "./frame/report.js";
import { version } from "./frame/version.js";

export interface ExecuteOptions {
	readonly io: Io;
	/** to work in; without, the command gets a kernel of its own that ends with it */
	readonly context?: Context;
	readonly place?: Place;
	/** the name of the session whose context it is */
	readonly session?: string;
	/** why the session that the shell names can not be had: what needs its kernel fails with this */
	readonly sessionProblem?: Error;
	/** colour and JSON that a script's lines inherit */
	readonly inherit?: { readonly color?: ColourWhen; readonly json?: boolean };
}

/**
 * Runs one command line (the words after `iommuctl`) to its end. Never throws, never exits: what is wrong is told on
 * stderr (and as JSON on stdout with --json) and is the outcome's exit code.
 */
export async function execute(argv: readonly string[], options: ExecuteOptions): Promise<Outcome> {
	const { io } = options;
	const when = colourAsked(argv) ?? options.inherit?.color ?? "auto";
	const out = await palette(colourLevel(when, io.stdout, io.env));
	const err = await palette(colourLevel(when, io.stderr, io.env));
	try {
		return await dispatch(argv, options, out, err);
	} catch (error) {
		if (error instanceof HelpShown) {
			(error.exit === exitCode.done ? io.stdout : io.stderr).write(error.text);
			return { exit: error.exit, errno: 0 };
		}
		const json = options.inherit?.json === true || argv.includes("--json");
		return { exit: reportProblem(error, io, err, json, options.place), errno: 0 };
	}
}

async function dispatch(
	argv: readonly string[],
	options: ExecuteOptions,
	out: Invocation["out"],
	err: Invocation["err"],
): Promise<Outcome> {
	const { io } = options;
	const words = objectFirst(argv);
	if (words.length === 1 && (words[0] === "--version" || words[0] === "-V")) {
		io.stdout.write(`${version}\n`);
		return done;
	}
	const family = await familyEntry(words[0])?.load();
	const parsed = parseCommandLine(family, words, {
		version,
		colours: { out: out.level > 0, err: err.level > 0 },
		columns: io.stdout.columns,
	});
	if (family?.apart && options.session !== undefined) return elsewhere;
	if (!family?.apart && options.sessionProblem && parsed.command.groups?.includes("kernel")) throw options.sessionProblem;
	const common = { ...readCommon(parsed.options) };
	common.json ||= options.inherit?.json === true;
	refuseKernelOptions(common, options);
	const made = options.context === undefined ? newContext(common, io) : { context: options.context, dispose: () => {} };
	try {
		return await parsed.command.run(invocation(parsed, { io, context: made.context, common, out, err, place: options.place }));
	} finally {
		made.dispose();
	}
}

/** What chooses the kernel belongs to whoever made it: a session, or the run of a script. @throws UsageError */
function refuseKernelOptions(common: CommonOptions, { context, session }: ExecuteOptions): void {
	const machine = common.machine ?? common.uapi;
	if (session !== undefined) {
		if (common.kernelGiven || common.fd !== undefined || machine !== undefined)
			throw new UsageError(
				`this shell is in session ${session}, which has its kernel already`,
				"`IOMMUCTL_SESSION= iommuctl ...` runs one command outside of it",
			);
		if (common.inject !== undefined)
			throw new UsageError("faults are injected into the whole of a session", "give --inject to `iommuctl session start`");
		if (common.record !== undefined) throw new UsageError("a session is recorded as a whole", "give --record to `iommuctl session start`");
	} else if (context !== undefined) {
		const given = [
			["--kernel", common.kernelGiven],
			["--fd", common.fd !== undefined],
			["--machine", common.machine !== undefined],
			["--uapi", common.uapi !== undefined],
			["--inject", common.inject !== undefined],
			["--record", common.record !== undefined],
		].find(([, is]) => is);
		if (given) throw new UsageError(`${given[0]} holds for the whole of a script`, "give it to `iommuctl run`");
	}
	if (common.kernel === "real" && machine !== undefined)
		throw new UsageError("--machine and --uapi are the simulated kernel's", "without --kernel real");
}

interface Made {
	readonly context: Context;
	dispose(): void;
}

/** A context for one command; its kernel is opened when first asked for. */
function newContext(common: CommonOptions, io: Io): Made {
	let stopRecording = () => {};
	const wrap = async (opened: KernelHandle): Promise<KernelHandle> => {
		const handle = common.inject === undefined ? opened : await (await import("./frame/inject.js")).injection(common.inject)(opened);
		if (common.record === undefined) return handle;
		const { injectedNote, recorded } = await import("./frame/record.js");
		if (common.inject !== undefined && !common.json) io.stderr.write(`note: ${injectedNote}\n`);
		const recording = await recorded(handle, resolve(io.cwd, common.record), common.fd);
		stopRecording = recording.close;
		return recording.handle;
	};
	const context = new Context(common.kernel, common.fd, { machine: common.machine, uapi: common.uapi, cwd: io.cwd }, wrap);
	return {
		context,
		dispose() {
			context.dispose();
			stopRecording();
		},
	};
}

function invocation(parsed: Parsed, rest: Omit<Invocation, "args" | "options">): Invocation {
	return { ...rest, args: parsed.args, options: parsed.options };
}

/** Common options may stand before the object; they are moved behind it. `help X Y` is `X Y --help`. */
function objectFirst(argv: readonly string[]): string[] {
	let at = 0;
	while (at < argv.length && argv[at].startsWith("-") && argv[at] !== "-") at += commonValueOptions.has(argv[at]) ? 2 : 1;
	if (at >= argv.length) return [...argv];
	if (argv[at] === "help") return [...argv.slice(at + 1), "--help"];
	const entry = familyEntry(argv[at]);
	const action = entry && at + 1 < argv.length && !argv[at + 1].startsWith("-") ? 2 : 1;
	return [...argv.slice(at, at + action), ...argv.slice(0, at), ...argv.slice(at + action)];
}

function colourAsked(argv: readonly string[]): ColourWhen | undefined {
	const at = argv.findIndex((word) => word === "--color" || word.startsWith("--color="));
	const when = at < 0 ? undefined : argv[at].includes("=") ? argv[at].slice("--color=".length) : argv[at + 1];
	return when === "always" || when === "never" || when === "auto" ? when : undefined;
}
