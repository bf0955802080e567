/** The manual page, from the commands as they are. */

import { families } from "../families.js";
import type { Argument, CommandSpec, Family, OptionSpec } from "../frame/command.js";
import { commonOptions } from "../frame/common-options.js";
import { version } from "../frame/version.js";
import { escaped, item, paragraph, prose, section, subsection, verbatim } from "./roff.js";

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);

const place = ({ name, optional, variadic }: Argument): string => {
	const shown = `${name}${variadic ? "..." : ""}`;
	return optional ? `[${shown}]` : shown;
};

const usage = (object: string, { name, args = [] }: CommandSpec): string =>
	["iommuctl", object, name, ...args.map(place), "[options]"].filter(Boolean).join(" ");

function optionText({ doc, choices }: OptionSpec): string {
	return choices ? `${doc} (${choices.join(", ")})` : doc;
}

/** An action whose options are the fields of a call. */
const generated = (object: string, spec: CommandSpec): string[] => [
	subsection(usage(object, spec)),
	paragraph(`${capital(spec.summary)}.`),
];

/** An action: how it is called, what it does, and what it takes that not all commands take. */
function action(object: string, spec: CommandSpec): string[] {
	const own = spec.options?.() ?? [];
	return [
		subsection(usage(object, spec)),
		paragraph(`${capital(spec.summary)}.`),
		...(spec.details ? [prose(spec.details)] : []),
		...(spec.args ?? []).map((argument) => item(argument.name, argument.doc)),
		...own.map((option) => item(option.flags, optionText(option))),
		...(spec.examples.length > 0 ? [verbatim(spec.examples.map(example).join("\n"))] : []),
	];
}

const example = ([line, doc]: readonly [string, string]): string => `    ${doc ? `# ${doc}\n    ` : ""}iommuctl ${line}`;

function object(name: string, summary: string, { commands, details, generated: brief }: Family): string[] {
	return [
		section(name),
		paragraph(`${capital(summary)}.`),
		...(details ? [prose(details)] : []),
		...commands.flatMap((spec) => (brief ? generated : action)(name, spec)),
	];
}

/** Options that many commands take, each once. */
function shared(all: readonly Family[]): OptionSpec[] {
	const byFlags = new Map<string, OptionSpec>();
	for (const spec of all.flatMap(({ commands }) => commands)) for (const option of commonOptions(spec)) byFlags.set(option.flags, option);
	return [...byFlags.values()];
}

const exits: readonly (readonly [code: string, what: string])[] = [
	["0", "done; with --expect, the errno came"],
	["1", "the call failed, or a check did"],
	["2", "wrong usage, or a malformed file"],
	["3", "the environment: no /dev/iommu, no permission, FFI not loadable"],
	["4", "a bug in iommuctl; IOMMUCTL_DEBUG=1 shows where"],
	["77", "everything was skipped, or a script requires something that is missing"],
];

const environment: readonly (readonly [name: string, what: string])[] = [
	["IOMMUCTL_KERNEL, IOMMUCTL_MACHINE", "what --kernel and --machine are where they are not given"],
	["IOMMUCTL_SESSION", 'the session that commands run in; `eval "$(iommuctl session start)"` sets it, empty is none'],
	["IOMMUCTL_UAPI_FILE", "headers whose calls, structs and constants are there too, as with --uapi-file; several with colons between them"],
	["IOMMUCTL_DEBUG", "if not empty, internal errors are shown with a stack trace"],
	["NO_COLOR, FORCE_COLOR", "no colour, or colour even if the output is not a terminal; --color overrides them"],
];

/** The whole page as troff source. */
export async function manPage(): Promise<string> {
	const loaded = await Promise.all(families.map(async (entry) => ({ entry, family: await entry.load() })));
	const lines = [
		'.\\" Made from the commands by scripts/man.mjs: change those.',
		`.TH IOMMUCTL 1 "" "iommuctl ${escaped(version)}" "User Commands"`,
		section("name"),
		`iommuctl \\- ${escaped("exercise Linux's iommufd (/dev/iommu), on the real kernel or on a simulated one")}`,
		section("synopsis"),
		".B iommuctl\n.I OBJECT ACTION\n[arguments] [options]\n.br\n.B iommuctl run\n.I FILE",
		section("description"),
		prose(
			[
				"Every call of the iommufd uAPI is a command: its options are the fields of the call's struct. A single command starts from",
				"a fresh kernel and ends with it, so IDs live only as long. A script (iommuctl run) keeps one kernel and one context for all",
				"of its lines, a session (iommuctl session) for all commands of a shell.",
				"",
				"Without --kernel the real kernel answers where /dev/iommu can be opened, else the simulated one; which it was is always said.",
			].join("\n"),
		),
		section("objects"),
		...families.map(({ name, summary }) => item(name, summary)),
		section("common options"),
		...shared(loaded.map(({ family }) => family)).map((option) => item(option.flags, optionText(option))),
		item("-h, --help", "what a command does and takes, with examples"),
		section("exit status"),
		...exits.map(([code, what]) => item(code, what)),
		section("environment"),
		...environment.map(([name, what]) => item(name, what)),
		...loaded.flatMap(({ entry, family }) => object(entry.name, entry.summary, family)),
		section("see also"),
		paragraph("The kernel's Documentation/userspace-api/iommufd.rst, strace(1), syzkaller."),
	];
	return `${lines.join("\n")}\n`;
}
