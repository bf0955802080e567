/** The options that many commands share. */
import { NEXT_RELEASE, OLDEST_RELEASE } from "../../../structs/release.js";
import type { CommandSpec, CommonOptions, OptionSpec } from "./command.js";
import type { KernelChoice } from "./context.js";
import { checkExpectation } from "./expectation.js";
import { smallNumber } from "./small-number.js";

const callGroup = "How the call is made:";
const commonGroup = "Common options:";

const kernelOptions: readonly OptionSpec[] = [
	{
		flags: "--kernel <which>",
		doc: "auto: real if /dev/iommu can be opened, else simulated",
		choices: ["auto", "real", "sim"],
		group: commonGroup,
	},
	{
		flags: "--machine <file|name>",
		value: "machine",
		doc: "of the simulated kernel: mixed (default), another that machine list shows, or a file",
		group: commonGroup,
	},
	{
		flags: "--uapi <names>",
		value: "uapi",
		doc: `of the simulated kernel: as old as ${OLDEST_RELEASE} ... ${NEXT_RELEASE}, and proposals it has besides, such as vtd-inv-v10`,
		group: commonGroup,
	},
	{
		flags: "--why",
		doc: "on the real kernel: ask the simulated one why calls fail (it always says so of its own)",
		group: commonGroup,
	},
	{
		flags: "--mark",
		doc: "write a line to the kernel's log (/dev/kmsg) before every call and after it; kernel log --since-mark shows them",
		group: commonGroup,
	},
	{
		flags: "--inject <calls:error=errno>",
		value: "injection",
		doc: "answer calls without making them, as strace does: IOMMU_IOAS_MAP:error=ENOMEM:when=3+2",
		repeat: true,
		group: commonGroup,
	},
];

const recordOptions: readonly OptionSpec[] = [
	{
		flags: "--record <file>",
		value: "file",
		doc: "write every call to this trace (replay, trace show); appended if it is one",
		group: commonGroup,
	},
];

const fdOptions: readonly OptionSpec[] = [
	{
		flags: "--fd <n>",
		doc: "use this open /dev/iommu of the shell (exec 3<>/dev/iommu), on a script's line one of the script",
		group: commonGroup,
	},
];

const callOptions: readonly OptionSpec[] = [
	{
		flags: "--set <field=value>",
		value: "assignment",
		doc: "set any field to any value, after everything else",
		repeat: true,
		group: callGroup,
	},
	{ flags: "--tail <hex>", doc: "bytes behind the struct (the size field grows with them)", group: callGroup },
	{ flags: "--hex", doc: "the struct's bytes before and after", group: callGroup },
];

const dryOptions: readonly OptionSpec[] = [{ flags: "--dry-run", doc: "print the bytes, make no call", group: callGroup }];

const expectOptions: readonly OptionSpec[] = [
	{
		flags: "--expect <errno>",
		value: "errno",
		doc: "exit 0 only if the call fails with this errno, or one of several: ENOENT|EINVAL (0: or succeeds; ret=5: or returns 5)",
		group: callGroup,
	},
	{
		flags: "--get <field>",
		doc: "print only this field of the answer: idev_id, iova, errno; as $name.field in a script",
		group: commonGroup,
	},
];

const quietOptions: readonly OptionSpec[] = [
	{ flags: "-q, --quiet", doc: "print only the new ID, and nothing on stderr unless it fails", group: commonGroup },
];

const always: readonly OptionSpec[] = [
	{
		flags: "--uapi-file <header>",
		value: "file",
		doc: "a C header or a diff of one: its calls, structs and constants are there too",
		repeat: true,
		group: commonGroup,
	},
	{ flags: "--json", doc: "answer as one JSON document", group: commonGroup },
	{ flags: "--pretty", doc: "--json, indented for people", group: commonGroup },
	{ flags: "--color <when>", doc: "colour: auto, always or never", choices: ["auto", "always", "never"], group: commonGroup },
];

/** The common options that a command takes. */
export function commonOptions(command: CommandSpec): OptionSpec[] {
	const groups = new Set(command.groups ?? []);
	return [
		...(groups.has("call") ? callOptions : []),
		...(groups.has("dry") ? dryOptions : []),
		...(groups.has("expect") ? expectOptions : []),
		...(groups.has("kernel") ? kernelOptions : []),
		...(groups.has("kernel") && !groups.has("own-kernel") ? recordOptions : []),
		...(groups.has("fd") ? fdOptions : []),
		...(groups.has("quiet") ? quietOptions : []),
		...always,
	];
}

/** For the help of the whole program: the common options that most commands have. */
export const everywhere: readonly (readonly [heading: string, options: readonly OptionSpec[]])[] = [
	["Options of every command:", always],
	["Options of every command that speaks to a kernel:", [...kernelOptions, ...recordOptions, ...fdOptions]],
	["Options of every command that makes a call:", [...callOptions, ...dryOptions, ...expectOptions, ...quietOptions]],
];

/** Those that take a value, for finding the command in front of which they stand. */
export const commonValueOptions: ReadonlySet<string> = new Set(
	[...kernelOptions, ...recordOptions, ...fdOptions, ...callOptions, ...expectOptions, ...always].flatMap(({ flags }) =>
		flags.includes("<") ? [flags.split(" ")[0]] : [],
	),
);

/** What the common options say. @throws UsageError */
export function readCommon(options: Readonly<Record<string, unknown>>): CommonOptions {
	const expect = options.expect as string | undefined;
	if (expect !== undefined) checkExpectation(expect);
	return {
		kernel: (options.kernel as KernelChoice | undefined) ?? "auto",
		kernelGiven: options.kernel !== undefined,
		json: options.json === true || options.pretty === true,
		pretty: options.pretty === true,
		hex: options.hex === true,
		quiet: options.quiet === true || options.get !== undefined,
		get: options.get as string | undefined,
		dryRun: options.dryRun === true,
		expect,
		why: options.why === true,
		machine: options.machine as string | undefined,
		uapi: (options.uapi as string | undefined)?.split(",").map((name) => name.trim()),
		mark: options.mark === true,
		inject: options.inject as string[] | undefined,
		record: options.record as string | undefined,
		uapiFile: options.uapiFile as string[] | undefined,
		fd:
			options.fd === undefined
				? undefined
				: smallNumber(options.fd as string, "--fd", "a file descriptor", "give its number, for example --fd 3"),
	};
}
