/** Reads command lines with commander, and prints help. */
import { Command, CommanderError, Option } from "commander";
import { byName } from "./abbreviate.js";
import type { CommandSpec, Family, FamilyEntry, OptionSpec } from "./command.js";
import { commonOptions, everywhere } from "./common-options.js";
import { exitCode, UsageError } from "./exit.js";
import { didYouMean } from "./suggest.js";

/** What the command line says. */
export interface Parsed {
	readonly command: CommandSpec;
	readonly args: readonly string[];
	readonly options: Readonly<Record<string, unknown>>;
}

/** Help, asked for (exit 0, to stdout) or because something is missing. */
export class HelpShown extends Error {
	constructor(
		readonly text: string,
		readonly exit: number,
	) {
		super("help");
	}
}

export interface ProgramOptions {
	readonly version: string;
	/** whether help on stdout and stderr may be coloured */
	readonly colours: { readonly out: boolean; readonly err: boolean };
	readonly columns?: number;
}

/** Where commander's own output and its result go: nothing here writes or exits. */
interface Sink {
	out: string;
	err: string;
	parsed?: Parsed;
	options: ProgramOptions;
}

function addOption(command: Command, spec: OptionSpec): void {
	const option = new Option(spec.flags, spec.doc);
	if (spec.choices) option.choices([...spec.choices]);
	else if (option.required) option.argParser((value: string) => given(command, option, value));
	if (spec.group) option.helpGroup(spec.group);
	if (spec.repeat) option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), given(command, option, value)]);
	command.addOption(option);
}

/** An option's value. If another option stands there, the value was left out. @throws UsageError */
function given(command: Command, option: Option, value: string): string {
	if (!value.startsWith("--") || !command.options.some((one) => one.long === value)) return value;
	throw new UsageError(`${option.long} has no value: ${value} follows it`, `if you mean that as the value, write ${option.long}=${value}`);
}

function examplesText(command: CommandSpec): string {
	if (command.examples.length === 0) return "";
	const lines = command.examples.map(([line, doc]) => `  ${doc ? `# ${doc}\n  ` : ""}iommuctl ${line}`);
	return `\nExamples:\n${lines.join("\n")}\n`;
}

function fill(command: Command, spec: CommandSpec, sink: Sink): void {
	command
		.summary(spec.summary)
		.description(spec.details ? `${capital(spec.summary)}.\n\n${flowing(spec.details)}` : `${capital(spec.summary)}.`);
	for (const arg of spec.args ?? []) {
		const name = `${arg.name}${arg.variadic ? "..." : ""}`;
		command.argument(arg.optional ? `[${name}]` : `<${name}>`, arg.doc);
	}
	for (const option of spec.options?.() ?? []) addOption(command, option);
	for (const option of commonOptions(spec)) addOption(command, option);
	command.addHelpOption(new Option("-h, --help", "this text").helpGroup("Common options:"));
	command.addHelpText("after", examplesText(spec));
	command.action((...given: unknown[]) => {
		sink.parsed = { command: spec, args: command.args, options: command.opts() };
		void given;
	});
}

/** Lines of a paragraph are joined, for the help to break where it is wide; indented ones stay. */
const flowing = (text: string): string => text.replace(/^(\S.*)\n(?=\S)/gm, "$1 ");

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);

/** The tree as far as this command line needs it: all objects, or one with all of its actions, or one action with its options. */
function build(families: readonly FamilyEntry[], family: Family | undefined, named: string | undefined, sink: Sink): Command {
	const program = new Command("iommuctl");
	program
		.description("Exercise Linux's iommufd (/dev/iommu) from the command line, on the real kernel or on a simulated one.")
		.version(sink.options.version, "-V, --version", "print the version")
		.exitOverride()
		.helpCommand("help [command...]", "help for a command")
		.configureOutput({
			writeOut: (text) => {
				sink.out += text;
			},
			writeErr: (text) => {
				sink.err += text;
			},
			outputError: () => {},
			getOutHelpWidth: () => sink.options.columns ?? 100,
			getErrHelpWidth: () => sink.options.columns ?? 100,
			getOutHasColors: () => sink.options.colours.out,
			getErrHasColors: () => sink.options.colours.err,
		})
		.configureHelp({
			styleTitle: (text) => bold(text),
			styleCommandText: (text) => cyan(text),
			styleSubcommandText: (text) => cyan(text),
			styleOptionText: (text) => cyan(text),
			showGlobalOptions: false,
			minWidthToWrap: 20,
		})
		.usage("OBJECT ACTION [arguments] [options]")
		.addHelpText("after", ({ command }) => programHelp(command));
	for (const entry of families) {
		if (entry.name !== family?.name) {
			// They are only listed, in the help that names no object.
			if (family === undefined) program.command(entry.name).summary(entry.summary).description(entry.summary).helpGroup(entry.group);
			continue;
		}
		const only = family.commands.length === 1 && family.commands[0].name === "" ? family.commands[0] : undefined;
		const object = program.command(entry.name).description(capital(entry.summary)).summary(entry.summary).helpGroup(entry.group);
		if (only) {
			fill(object, only, sink);
			continue;
		}
		if (family.details) object.description(`${capital(entry.summary)}.\n\n${flowing(family.details)}`);
		object.usage("ACTION [arguments] [options]").helpCommand(false);
		object.addHelpText(
			"after",
			examplesText({ ...family.commands[0], examples: family.commands.flatMap((one) => one.examples.slice(0, 1)).slice(0, 4) }),
		);
		for (const spec of family.commands) {
			if (named !== undefined && spec.name !== named) continue;
			const action = object.command(spec.name, { isDefault: spec.isDefault === true }).summary(spec.summary);
			if (spec.name === named || (named === undefined && spec.isDefault)) fill(action, spec, sink);
		}
	}
	return program;
}

// Chalk is not needed for two styles; commander strips them where colours are off.
const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`;
const cyan = (text: string): string => `\u001b[36m${text}\u001b[39m`;

/** The options that hold everywhere, as commander shows those of one command; then how it all goes together. */
function programHelp(program: Command): string {
	const help = program.createHelp();
	help.prepareContext({ helpWidth: program.configureOutput().getOutHelpWidth?.(), outputHasColors: true });
	const rows = everywhere.flatMap(([, options]) => options.map(({ flags }) => flags.length));
	const width = Math.max(...rows);
	const blocks = everywhere.map(([heading, options]) =>
		[bold(heading), ...options.map(({ flags, doc }) => help.formatItem(cyan(flags), width, doc, help))].join("\n"),
	);
	return `\n${blocks.join("\n\n")}\n${guide}`;
}

const guide = `
Objects and actions may be abbreviated as long as only one is meant: iommuctl io alloc. iommuctl OBJECT help, or
OBJECT ACTION --help, shows more.

A single command starts from a fresh kernel and ends with it: IDs live only as long. A script (iommuctl run FILE|-) keeps
one kernel and one context for all of its lines; a session keeps them for all commands of a shell.

Examples:
  # a whole story on the simulated kernel
  iommuctl run example:nested-translation
  # a kernel that stays: ioas=$(iommuctl ioas alloc -q) and so on
  eval "$(iommuctl session start)"
  # one call; the answer as JSON
  iommuctl ioas alloc --json
  # what a call expects, field by field
  iommuctl struct show iommu_ioas_map

Exit codes: 0 done, 1 the call or a check failed, 2 wrong usage, 3 no such kernel here, 4 a bug, 77 skipped.
`;

/** The objects of a command line and their commands, for reading words. */
export class CommandTree {
	readonly #families: readonly FamilyEntry[];
	readonly #built = new Map<string, { program: Command; sink: Sink }>();

	constructor(families: readonly FamilyEntry[]) {
		this.#families = families;
	}

	/** The object of a name. */
	entry(name: string): FamilyEntry | undefined {
		return this.#families.find((one) => one.name === name);
	}

	/** The object that a word means: by its name or the beginning of it. @throws UsageError where that is ambiguous */
	meant(word: string): FamilyEntry | undefined {
		return byName(this.#families, word, "the object");
	}

	/**
	 * Reads a command line. @throws HelpShown, UsageError
	 * @param argv the words after `iommuctl`, the object first
	 */
	parse(family: Family | undefined, argv: readonly string[], options: ProgramOptions): Parsed {
		const { program, sink } = this.#programFor(family, argv, options);
		try {
			program.parse(argv, { from: "user" });
		} catch (error) {
			if (!(error instanceof CommanderError)) throw error;
			throw this.#translated(error, sink, family, argv);
		}
		if (!sink.parsed) throw new HelpShown(program.helpInformation({ error: true }), exitCode.usage);
		return sink.parsed;
	}

	/** commander's tree for a command line; that of an action which comes again (in a script) is kept. */
	#programFor(family: Family | undefined, argv: readonly string[], options: ProgramOptions): { program: Command; sink: Sink } {
		const named = family?.commands.find((one) => one.name !== "" && one.name === argv[1])?.name;
		const key = `${family?.name ?? ""} ${named ?? ""}`;
		const known = this.#built.get(key);
		if (known) {
			Object.assign(known.sink, { out: "", err: "", parsed: undefined, options });
			return known;
		}
		const sink: Sink = { out: "", err: "", options };
		const made = { program: build(this.#families, family, named, sink), sink };
		this.#built.set(key, made);
		return made;
	}

	#translated(error: CommanderError, sink: Sink, family: Family | undefined, argv: readonly string[]): Error {
		if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return new HelpShown(sink.out, exitCode.done);
		if (error.code === "commander.help") return new HelpShown(sink.out || sink.err, sink.out ? exitCode.done : exitCode.usage);
		const [message, suggestion] = error.message.replace(/^error: /, "").split("\n");
		const own = error.code === "commander.unknownCommand" ? this.#suggestCommand(family, argv) : undefined;
		const programs = error.code === "commander.unknownOption" && !argv.includes("--") && family && takesProgram(family);
		const before = programs ? `the program's own options follow --: iommuctl ${family.name} ... -- PROGRAM ...` : undefined;
		const hint = own ?? (suggestion === undefined ? before : undefined) ?? suggestion?.replace(/^\((.*)\)$/, "$1").replace(/^Did/, "did");
		return new UsageError(message, hint ?? `iommuctl ${helpFor(family, argv)}--help shows how`);
	}

	#suggestCommand(family: Family | undefined, argv: readonly string[]): string | undefined {
		const candidates = (family?.commands ?? this.#families).map((one) => one.name);
		const typed = argv.find((word) => !word.startsWith("-") && word !== family?.name);
		if (typed === "iommuctl") return `leave out the word: ${argv.slice(argv.indexOf(typed) + 1).join(" ")}`;
		return typed === undefined ? undefined : didYouMean(typed, candidates);
	}
}

/** Whether its command runs a program, given with its arguments. */
function takesProgram({ commands }: Family): boolean {
	return commands.some(({ name, args }) => name === "" && args?.some(({ name: word, variadic }) => variadic && word === "PROGRAM"));
}

function helpFor(family: Family | undefined, argv: readonly string[]): string {
	if (!family) return "";
	const action = family.commands.find((one) => one.name !== "" && argv.includes(one.name));
	return `${family.name} ${action ? `${action.name} ` : ""}`;
}
