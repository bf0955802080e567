/** `run`: scripts, in one context or reported for CI. */
import type { Family, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { table } from "../../frame/text.js";
import { caseOptions, jobsGiven } from "./cases/options.js";
import type { Format } from "./formats/index.js";
import { formatGiven, formatOptions } from "./formats/options.js";

/** `run --list`: the scripts that iommuctl comes with. */
async function list({ common, io, out }: Invocation): Promise<Outcome> {
	const { shippedKinds, shippedScripts } = await import("../../frame/shipped.js");
	const scripts = shippedScripts();
	if (common.json) {
		const listed = scripts.map(({ kind, name, path, about }) => ({ name: `${kind}:${name}`, file: path, about }));
		io.stdout.write(`${JSON.stringify({ schema: "iommuctl.scripts", version: 1, scripts: listed })}\n`);
		return done;
	}
	for (const kind of shippedKinds) {
		const rows = scripts.filter((one) => one.kind === kind).map(({ name, about }) => [`  ${kind}:${name}`, about]);
		io.stdout.write([out.strong(titles[kind]), ...table(rows, io.stdout.columns), ""].map((line) => `${line}\n`).join(""));
	}
	io.stdout.write(`Run one: iommuctl run ${scripts[0].kind}:${scripts[0].name}\n`);
	return done;
}

/** Those that are about running, as they are kept and as they are typed. */
const ownOptions = [
	...["var", "seed", "format", "origin", "build", "shard", "resume", "jobs"].map((name) => [name, `--${name}`]),
	["keepGoing", "--keep-going"],
];

const titles = { example: "Examples", repro: "Reproducers of kernel bugs that have been fixed, by commit" } as const;

async function run(inv: Invocation): Promise<Outcome> {
	if (inv.options.list === true) {
		if (inv.args.length > 0) throw new UsageError("--list runs no script", "leave the file out");
		const running = ownOptions.find(([name]) => inv.options[name] !== undefined);
		if (running !== undefined) throw new UsageError("--list runs no script", `leave ${running[1]} out`);
		return await list(inv);
	}
	const { args, options } = inv;
	if (args.length === 0) throw new UsageError("FILE is missing", "a script, - for stdin, or example:NAME (run --list shows them)");
	const format = formatGiven<Format>(inv, true);
	jobsGiven(options.jobs);
	if (args.length > 1 || options.shard !== undefined || options.resume !== undefined || format === "kcidb")
		return await (await import("./script/several.js")).runSeveral(inv, format);
	const { runOne } = await import("./script/one.js");
	if (format === undefined) return { exit: await runOne(inv, args[0]), errno: 0 };
	const { reporterFor } = await import("./formats/index.js");
	return { exit: await runOne(inv, args[0], { format, reporter: reporterFor(format) }), errno: 0 };
}

const family: Family = {
	name: "run",
	commands: [
		{
			name: "",
			summary: "run scripts, one command per line, each in one context",
			details: [
				"Every line is a command as it would be typed, without `iommuctl`; all of them use one kernel and one open",
				"/dev/iommu, so IDs and memory live from line to line. In a script:",
				"",
				"  # comment                       to the end of the line",
				"  'single' \"double\" \\              quotes; a \\ at the end joins the next line",
				"  name = COMMAND                  keeps the new ID (or file, or address) as $name",
				"  $name  $name.field              inserts it; fields as the answer names them, with or without out_, and $name.errno",
				"  expect ERRNO COMMAND            goes on only if the command fails with this errno, or one of ERRNO|ERRNO (0: success)",
				"  let name = EXPRESSION           keeps a number: 4k*16, BIT(63), $a+1",
				"  repeat N { ... }                runs lines again and again; N is an expression",
				"  for name in ITEM... { ... }     for words, and ranges such as 0..9",
				"  if EXPRESSION { ... } else { ... }    for example $name.errno == ENOENT",
				"  function name ARG... { ... }    then `name VALUE...` runs the lines",
				"  finally { ... }                 at the end, runs even if a line failed",
				"  sleep 100ms",
				"  parallel { ... } { ... }        the blocks run at once; on the simulated kernel their lines take turns",
				"  process name { ... }            another process: the same open files, memory of its own",
				"  echo TEXT                       prints a heading",
				"  require kernel real|sim         goes on only there; else the rest is skipped and the exit code is 77",
				"  require ioctl NAME              likewise, if the kernel knows the call",
				"  require device vfio0            likewise, if the device can be opened",
				"  require uapi >= 6.12            likewise, where the kernel's release is at least this (or <, <=, >, ==): the one that",
				"                                  --uapi says, or uname's; with a proposal's name: where the simulated kernel has it",
				"  require selftest                likewise, if the kernel has the selftest driver",
				"  run OTHER                       another script, found beside this one",
				"",
				"The first command that fails ends the script, with its file and line, unless --keep-going. docs/scripts.md has the rest.",
				"Of several files each is run as if it were alone: on a kernel of its own, and the next one even if it failed. The exit",
				"code is then the gravest one (4, 2, 1, 3, 0 in this order), and 77 only if all of them were skipped.",
			].join("\n"),
			args: [
				{
					name: "FILE",
					value: "script",
					doc: "the scripts; - is stdin, example:NAME and repro:NAME are those of --list",
					optional: true,
					variadic: true,
				},
			],
			options: () => [
				{ flags: "--list", doc: "show the scripts that come with iommuctl: examples, and reproducers of kernel bugs" },
				{ flags: "--var <name=value>", doc: "give $name a value before the script starts", repeat: true },
				{ flags: "--seed <n>", doc: "on the simulated kernel: whose turn it is in `parallel` is random, and the same for the same number" },
				{ flags: "--keep-going", doc: "go on after a command that failed; exit 1 at the end" },
				...formatOptions("a case for each line"),
				...caseOptions,
			],
			groups: ["kernel", "fd", "quiet"],
			examples: [
				["run example:nested-translation", "a guest's page table on the simulated kernel"],
				["run - --kernel real < my.iommu", "a script from stdin on the real kernel"],
				["run my.iommu --format junit > report.xml", "for CI: what failed, what was skipped and why"],
				["run tests/*.iommu --shard 2/5 --format ktap", "one machine's part of many scripts"],
				["run my.iommu --keep-going --json", "everything, one JSON document per command"],
			],
			run,
		},
	],
};
export default family;
