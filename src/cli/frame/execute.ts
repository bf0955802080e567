/** Runs one command line. */
import { byName } from "./abbreviate.js";
import { type ColourWhen, colourLevel, palette } from "./colour.js";
import type { CommandLine, CommonOptions, ExecuteOptions, FamilyEntry, Invocation } from "./command.js";
import { commonValueOptions, readCommon } from "./common-options.js";
import type { Context } from "./context.js";
import { done, elsewhere, exitCode, type Outcome, UsageError } from "./exit.js";
import type { Io } from "./io.js";
import { newContext } from "./new-context.js";
import { CommandTree, HelpShown, type Parsed } from "./program.js";
import { reportProblem } from "./report.js";
import { uapiFiles, uapiFileWords } from "./uapi-choice.js";
import { version } from "./version.js";

/** The command line of these objects. */
export function commandLineOf(families: readonly FamilyEntry[]): CommandLine {
	const tree = new CommandTree(families);
	const commandLine: CommandLine = { families, execute: (argv, options) => execute(commandLine, tree, argv, options) };
	return commandLine;
}

async function execute(commandLine: CommandLine, tree: CommandTree, argv: readonly string[], options: ExecuteOptions): Promise<Outcome> {
	if (argv.includes("--pretty") && !argv.slice(0, argv.indexOf("--pretty")).includes("--")) {
		const { prettySink } = await import("./pretty.js");
		const stdout = prettySink(options.io.stdout);
		const outcome = await executeAs(commandLine, tree, argv, { ...options, io: { ...options.io, stdout } });
		stdout.end();
		return outcome;
	}
	return await executeAs(commandLine, tree, argv, options);
}

async function executeAs(commandLine: CommandLine, tree: CommandTree, argv: readonly string[], options: ExecuteOptions): Promise<Outcome> {
	const { io } = options;
	const when = colourAsked(argv) ?? options.inherit?.color ?? "auto";
	const out = await palette(colourLevel(when, io.stdout, io.env));
	const err = await palette(colourLevel(when, io.stderr, io.env));
	try {
		return await dispatch(commandLine, tree, argv, options, out, err);
	} catch (error) {
		if (error instanceof HelpShown) {
			(error.exit === exitCode.done ? io.stdout : io.stderr).write(error.text);
			return { exit: error.exit, errno: 0 };
		}
		const json = options.inherit?.json === true || argv.includes("--json") || argv.includes("--pretty");
		const { place } = options;
		const at = place?.wordAt && (await import("./wrong-word.js")).wrongWordAt(error, argv, place.wordAt);
		return { exit: reportProblem(error, io, err, json, place && { ...place, ...at }), errno: 0, ...(at && { at }) };
	}
}

async function dispatch(
	commandLine: CommandLine,
	tree: CommandTree,
	argv: readonly string[],
	options: ExecuteOptions,
	out: Invocation["out"],
	err: Invocation["err"],
): Promise<Outcome> {
	const { io } = options;
	// What a header declares becomes part of commands: before they are looked up. A script or a session has its headers already.
	const headers = options.context === undefined ? uapiFiles(uapiFileWords(argv), io) : [];
	if (headers.length > 0) {
		const { useUapiFiles } = await import("./uapi-files.js");
		for (const one of headers) useUapiFiles(one, io, (text) => io.stderr.write(`${err.note("note:")} ${text}\n`));
	}
	const words = await named(tree, objectFirst(tree, argv));
	if (words.length === 1 && (words[0] === "--version" || words[0] === "-V")) {
		io.stdout.write(`${version}\n`);
		return done;
	}
	const family = await tree.entry(words[0])?.load();
	const parsed = tree.parse(family, words, {
		version,
		colours: { out: out.level > 0, err: err.level > 0 },
		columns: io.stdout.columns,
	});
	if (family?.apart && options.session !== undefined) return elsewhere;
	if (!family?.apart && options.sessionProblem && parsed.command.groups?.includes("kernel")) throw options.sessionProblem;
	const common = { ...readCommon(parsed.options) };
	common.json ||= options.inherit?.json === true;
	if (common.get !== undefined && common.json) throw new UsageError("--json and --get cannot both be given", "the document has `fields`");
	if (options.context === undefined && parsed.command.groups?.includes("kernel") && !parsed.command.groups.includes("own-kernel"))
		Object.assign(common, kernelFromEnvironment(common, io.env));
	refuseKernelOptions(common, options);
	const made = options.context === undefined ? newContext(common, io) : { context: onFile(options.context, common.fd), dispose: () => {} };
	const { context } = made;
	const owns = options.context === undefined;
	try {
		return await parsed.command.run(
			invocation(parsed, { commandLine, argv, io, context, owns, common, out, err, place: options.place, serve: options.serve }),
		);
	} finally {
		made.dispose();
	}
}

/**
 * What IOMMUCTL_KERNEL and IOMMUCTL_MACHINE choose where no option does. The machine is left out where the kernel is real.
 * @throws UsageError
 */
function kernelFromEnvironment(common: CommonOptions, env: Io["env"]): Partial<CommonOptions> {
	const { IOMMUCTL_KERNEL: which, IOMMUCTL_MACHINE: machine } = env;
	const chosen = common.kernelGiven || common.fd !== undefined || common.machine !== undefined || common.uapi !== undefined;
	if (which !== undefined && which !== "" && !isKernelChoice(which))
		throw new UsageError(`IOMMUCTL_KERNEL: "${which}" is not a kernel`, "it may be auto, real or sim");
	const kernel = chosen || !isKernelChoice(which) ? common.kernel : which;
	const simulated = kernel !== "real" && common.fd === undefined && common.machine === undefined;
	const names = [...(kernel === common.kernel ? [] : ["IOMMUCTL_KERNEL"]), ...(simulated && machine ? ["IOMMUCTL_MACHINE"] : [])];
	if (names.length === 0) return {};
	return { kernel, ...(simulated && machine && { machine }), fromEnvironment: names };
}

const isKernelChoice = (word: string | undefined): word is CommonOptions["kernel"] => word === "auto" || word === "real" || word === "sim";

/** In a script, `--fd` on a line names another open /dev/iommu of the script. */
const onFile = (context: Context, fd: number | undefined): Context => (fd === undefined ? context : context.onFile(fd));

/** Options that choose the kernel are for whoever starts it: a session, or the run of a script. @throws UsageError */
function refuseKernelOptions(common: CommonOptions, { context, session }: ExecuteOptions): void {
	const machine = common.machine ?? common.uapi;
	if (session !== undefined) {
		if (common.kernelGiven || common.fd !== undefined || machine !== undefined)
			throw new UsageError(
				`this shell is in session ${session}, which has its kernel already`,
				"`IOMMUCTL_SESSION= iommuctl ...` runs one command outside of it",
			);
		if (common.why) throw new UsageError("a session is asked as a whole why calls fail", "give --why to `iommuctl session start`");
		if (common.mark) throw new UsageError("a session's calls are not marked", "give --mark to one command or script outside of it");
		if (common.inject !== undefined)
			throw new UsageError("faults are injected into the whole of a session", "give --inject to `iommuctl session start`");
		if (common.uapiFile !== undefined)
			throw new UsageError("a session has the headers that it was started with", "give --uapi-file to `iommuctl session start`");
		if (common.record !== undefined) throw new UsageError("a session is recorded as a whole", "give --record to `iommuctl session start`");
	} else if (context !== undefined) {
		const given = [
			["--kernel", common.kernelGiven],
			["--machine", common.machine !== undefined],
			["--uapi", common.uapi !== undefined],
			["--inject", common.inject !== undefined],
			["--why", common.why],
			["--mark", common.mark === true],
			["--record", common.record !== undefined],
			["--uapi-file", common.uapiFile !== undefined],
		].find(([, is]) => is);
		if (given) throw new UsageError(`${given[0]} holds for the whole of a script`, "give it to `iommuctl run`");
	}
	if (common.kernel === "real" && machine !== undefined)
		throw new UsageError("--machine and --uapi are for the simulated kernel", "leave out --kernel real");
}

function invocation(parsed: Parsed, rest: Omit<Invocation, "args" | "options">): Invocation {
	return { ...rest, args: parsed.args, options: parsed.options };
}

/** Common options may stand before the object; they are moved behind it. `help X Y` is `X Y --help`. */
function objectFirst(tree: CommandTree, argv: readonly string[]): string[] {
	let at = 0;
	while (at < argv.length && argv[at].startsWith("-") && argv[at] !== "-") at += commonValueOptions.has(argv[at]) ? 2 : 1;
	if (at >= argv.length) return [...argv];
	if (argv[at] === "help") return [...argv.slice(at + 1), "--help"];
	const entry = tree.meant(argv[at]);
	const action = entry && at + 1 < argv.length && !argv[at + 1].startsWith("-") ? 2 : 1;
	return [...argv.slice(at, at + action), ...argv.slice(0, at), ...argv.slice(at + action)];
}

/** Abbreviated names in full; `OBJECT help` and `OBJECT help ACTION` as what they stand for. @throws UsageError */
async function named(tree: CommandTree, words: readonly string[]): Promise<string[]> {
	const entry = words.length === 0 ? undefined : tree.meant(words[0]);
	if (!entry) return [...words];
	const [, action, ...rest] = words;
	if (action === undefined || action.startsWith("-")) return [entry.name, ...words.slice(1)];
	const { commands, meant } = await entry.load();
	if (action === "help" && (commands[0].name !== "" || rest.length === 0)) return await named(tree, [entry.name, ...rest, "--help"]);
	const single = commands.length === 1 && commands[0].name === "";
	const typed = meant?.(action) ?? action;
	const found = single ? undefined : byName(commands, typed, `${entry.name}: the action`);
	return [entry.name, found?.name ?? typed, ...rest];
}

function colourAsked(argv: readonly string[]): ColourWhen | undefined {
	const at = argv.findIndex((word) => word === "--color" || word.startsWith("--color="));
	const when = at < 0 ? undefined : argv[at].includes("=") ? argv[at].slice("--color=".length) : argv[at + 1];
	return when === "always" || when === "never" || when === "auto" ? when : undefined;
}
