/** The types that commands are declared with. */
import type { FieldInfo } from "../../../structs/index.js";
import type { Layout } from "../../formats/words.js";
import type { ColourWhen, Palette } from "./colour.js";
import type { Context, KernelChoice } from "./context.js";
import type { Outcome } from "./exit.js";
import type { Io } from "./io.js";

/**
 * What a word may be, for completion. `assignment` is `field=value` of the command's struct (of `struct encode`, `raw`: of
 * what the word before names), `injection` what --inject takes, `id` an object that a field of this name may stand for,
 * `fieldsOf` a struct's fields joined by commas, with names for the bits of its words; `names` one of them, or several joined
 * by commas; `recordOf` a field of the record that the word before names.
 */
export type ValueKind =
	| "file"
	| "script"
	| "machine"
	| "uapi"
	| "injection"
	| "assignment"
	| "errno"
	| "kernel"
	| "call"
	| "struct"
	| "session"
	| "device"
	| { readonly id: string }
	| { readonly fieldsOf: string; readonly bits?: Layout }
	| { readonly names: readonly string[]; readonly several?: boolean }
	| { readonly recordOf: Readonly<Record<string, Layout>> };

/** A word that follows the command, by position. */
export interface Argument {
	readonly name: string;
	/** what it may be */
	readonly value?: ValueKind;
	readonly doc: string;
	readonly optional?: boolean;
	readonly variadic?: boolean;
}

export interface OptionSpec {
	/** as commander writes it: `-q, --quiet`, `--set <field=value>` */
	readonly flags: string;
	readonly doc: string;
	/** may be given again; the values arrive as an array of strings */
	readonly repeat?: boolean;
	/** only these values */
	readonly choices?: readonly string[];
	/** heading in the help */
	readonly group?: string;
	/** of a struct: which values it takes */
	readonly field?: FieldInfo;
	/** what its value may be, where neither `choices` nor `field` say so */
	readonly value?: ValueKind;
}

/**
 * Which of the common options a command takes: `kernel` where it speaks to one, `fd` where that may be
 * an open file of the shell, `call` where it makes a call with a
 * struct, `dry` where it makes any call, `id` where there is one number to be quiet about, `expect` where an errno may come.
 */
export type OptionGroup = "kernel" | "fd" | "call" | "dry" | "quiet" | "expect" | "own-kernel";

export interface CommonOptions {
	readonly kernel: KernelChoice;
	/** whether --kernel was given */
	readonly kernelGiven: boolean;
	readonly json: boolean;
	/** JSON is indented */
	readonly pretty: boolean;
	readonly hex: boolean;
	readonly quiet: boolean;
	readonly dryRun: boolean;
	/** an errno's name */
	readonly expect?: string;
	/** the one field of the answer to print */
	readonly get?: string;
	/** variables of the environment that chose something of the kernel */
	readonly fromEnvironment?: readonly string[];
	/** of the simulated kernel: a built-in one, or a file */
	/** ask the simulated kernel why calls of the real one fail */
	readonly why: boolean;
	readonly machine?: string;
	/** proposals that the simulated kernel's uAPI has besides */
	readonly uapi?: readonly string[];
	/** lines in the kernel's log around every call */
	readonly mark?: boolean;
	/** calls that are answered without being made, in strace's grammar */
	readonly inject?: readonly string[];
	/** the trace that every call is written to */
	readonly record?: string;
	/** an open /dev/iommu */
	readonly fd?: number;
	/** headers whose calls and structs are there too */
	readonly uapiFile?: readonly string[];
}

/** One command on its way: what was typed, where it writes, what it works on. */
export interface Invocation {
	/** for commands that run or name others */
	readonly commandLine: CommandLine;
	/** the words after `iommuctl`, as they were typed */
	readonly argv: readonly string[];
	readonly io: Io;
	readonly context: Context;
	/** the context is this command's own: not a script's or a session's */
	readonly owns: boolean;
	readonly common: CommonOptions;
	readonly args: readonly string[];
	/** by option name, camel case; only what was given */
	readonly options: Readonly<Record<string, unknown>>;
	/** colours for stdout and for stderr */
	readonly out: Palette;
	readonly err: Palette;
	/** where in a script it stands */
	readonly place?: Place;
	/** in a thread that works for another: the command hands its cases over here, instead of running them */
	readonly serve?: ServeCases;
}

/** Runs single cases of a command as they are asked for, and never ends. @param run one case, by its position from 0 */
export type ServeCases = (run: (at: number) => Promise<unknown>) => Promise<never>;

export interface Place {
	readonly file: string;
	readonly line: number;
	/** of what is wrong, if it is known */
	readonly column?: number;
	readonly name?: string;
	/** where a word of the command stands, by its number from 0 */
	wordAt?(word: number): { readonly line: number; readonly column: number } | undefined;
	/** the scripts that run just now, the outermost first: whole paths */
	readonly within?: readonly string[];
}

export interface CommandSpec {
	/** the action's name; "" for an object that is its own command (`run FILE`) */
	readonly name: string;
	readonly summary: string;
	readonly details?: string;
	readonly args?: readonly Argument[];
	/** made when the command is named, so that the others cost nothing */
	readonly options?: () => readonly OptionSpec[];
	/** the name of the call that it makes, where it is one */
	readonly ioctl?: string;
	/** own-kernel: the command makes kernels by itself */
	readonly groups?: readonly OptionGroup[];
	/** command lines without `iommuctl`, each with what it does */
	readonly examples: readonly (readonly [command: string, doc: string])[];
	/** runs if the object stands alone */
	readonly isDefault?: boolean;
	run(invocation: Invocation): Promise<Outcome>;
}

/** An object of `iommuctl OBJECT ACTION` and all its actions. */
export interface Family {
	readonly name: string;
	readonly details?: string;
	/**
	 * runs in the caller's own process even in a session, with its own kernel if it needs one: for commands that are not about
	 * the session's kernel and may take long
	 */
	readonly apart?: boolean;
	/** its actions are the calls of the uAPI, with their fields as options: the man page does not repeat them */
	readonly generated?: boolean;
	readonly commands: readonly CommandSpec[];
	/** the action's name for a word, where it may be written in other ways */
	meant?(word: string): string;
}

/** What is known about an object before its commands are loaded. */
export interface FamilyEntry {
	readonly name: string;
	readonly summary: string;
	/** the heading that it stands under in the help */
	readonly group: string;
	load(): Promise<Family>;
}

export interface ExecuteOptions {
	readonly io: Io;
	/** to work in; without it the command gets its own kernel, which ends with the command */
	readonly context?: Context;
	readonly place?: Place;
	/** the name of the session whose context it is */
	readonly session?: string;
	/** why the session that the shell names is not available: a command that needs its kernel fails with this */
	readonly sessionProblem?: Error;
	/** this thread works for another one, which asks for single cases of the command */
	readonly serve?: ServeCases;
	/** colour and JSON that a script's lines inherit */
	readonly inherit?: { readonly color?: ColourWhen; readonly json?: boolean };
}

/** The whole command line. */
export interface CommandLine {
	/** in the order of the help */
	readonly families: readonly FamilyEntry[];
	/**
	 * Runs one command line (the words after `iommuctl`) to its end. Never throws, never exits: what is wrong goes to
	 * stderr (and as JSON on stdout with --json) and is the outcome's exit code.
	 */
	execute(argv: readonly string[], options: ExecuteOptions): Promise<Outcome>;
}
