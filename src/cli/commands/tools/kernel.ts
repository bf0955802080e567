/** `kernel`: which kernel answers, which calls it knows, and its log. */
import { allCalls, CURRENT_RELEASE, ioctls, NEXT_RELEASE, OLDEST_RELEASE } from "../../../../structs/index.js";
import { EnvironmentError } from "../../../kernel/environment-error.js";
import { announce } from "../../frame/announce.js";
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome } from "../../frame/exit.js";
import { knows } from "../../frame/knows.js";
import { plural, table } from "../../frame/text.js";

async function which(inv: Invocation): Promise<Outcome> {
	const { common, context, io, out } = inv;
	const handle = await context.handle();
	const fd = await context.iommu();
	// These calls are not the program's: they do not belong in a trace.
	const asked = handle.unrecorded ?? handle.kernel;
	const calls = allCalls().filter(({ name }) => name.startsWith("IOMMU_"));
	const supported = calls.map((call) => ({ call, known: knows(asked, fd, call) }));
	if (common.json) {
		const document = {
			schema: "iommuctl.kernel",
			version: 1,
			kernel: handle.kernel.kind,
			kernelDetail: handle.which,
			calls: supported.map(({ call, known }) => ({
				name: call.name,
				request: `0x${call.request.toString(16)}`,
				since: call.since ?? null,
				supported: known,
			})),
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
		return done;
	}
	context.announced = true;
	const rows = supported.map(({ call, known }) => [
		known ? "yes" : "no",
		call.name,
		call.since ? `since Linux ${call.since}` : "",
		call === ioctls.IOMMU_TEST_CMD ? "the selftest driver" : "",
	]);
	io.stdout.write(
		`${out.strong(`kernel: ${handle.which}`)}\n${table(rows)
			.map((row) => `  ${row.trimEnd()}`)
			.join("\n")}\n`,
	);
	return done;
}

async function log(inv: Invocation): Promise<Outcome> {
	const { common, context, io, options, err } = inv;
	const handle = await context.handle();
	if (!handle.log) throw new EnvironmentError("this kernel's log cannot be read", "look at dmesg");
	await announce(inv);
	const { sinceMark, warningsIn } = await import("../../frame/mark.js");
	const all = options.sinceMark === true ? sinceMark(handle.log()) : handle.log();
	const wanted = options.warnings === true;
	const lines = wanted ? warningsIn(all) : all;
	const good = !wanted || lines.length === 0;
	if (common.json)
		io.stdout.write(
			`${JSON.stringify({ schema: "iommuctl.log", version: 1, kernel: handle.kernel.kind, kernelDetail: handle.which, ...(wanted && { ok: good }), lines })}\n`,
		);
	else if (!good)
		io.stderr.write(
			`${err.bad("failed")}  the kernel logged ${plural(lines.length, "warning")}:\n${lines.map((line) => `    ${line}\n`).join("")}`,
		);
	else if (wanted) io.stdout.write(`${inv.out.good("ok")}  the kernel logged no warning\n`);
	else if (lines.length > 0) io.stdout.write(`${lines.join("\n")}\n`);
	return { ...done, exit: good ? exitCode.done : exitCode.failed };
}

const commands: readonly CommandSpec[] = [
	{
		name: "show",
		summary: "which kernel answers, and which calls it knows",
		details: [
			"Every call is tried with a size that no command takes, so that it does nothing.",
			`With --uapi ${OLDEST_RELEASE} ... ${NEXT_RELEASE} the simulated kernel answers as that release does: docs/releases.md lists what is known of each.`,
			`When these came is not known, so only ${CURRENT_RELEASE} and later have them: IOMMU_IOAS_NOIOMMU_GET_PA, IOMMU_HWPT_DATA_AMD_GUEST,`,
			`IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED. The drivers of hardware always answer as in ${CURRENT_RELEASE}.`,
		].join("\n"),
		groups: ["kernel", "fd"],
		isDefault: true,
		examples: [
			["kernel", ""],
			["kernel show --kernel real --json", ""],
		],
		run: which,
	},
	{
		name: "log",
		summary: "the kernel's log: of the real one /dev/kmsg, of the simulated one the warnings that a real one would print",
		details: [
			"--warnings fails if there is a WARNING, a BUG, a KASAN or lockdep report or the like; in a script, `expect no warning` is",
			"the same. Of the real kernel such a script sees what was logged since it began.",
		].join("\n"),
		options: () => [
			{ flags: "--since-mark", doc: "from this program's first mark on (--mark)" },
			{ flags: "--warnings", doc: "only warnings; exit 1 if there is one" },
		],
		groups: ["kernel"],
		examples: [
			["kernel log", "at the end of a script"],
			["kernel log --warnings", "in a script also `expect no warning`"],
		],
		run: log,
	},
];

const family: Family = { name: "kernel", commands };
export default family;
