/** `compare`: a trace's programs on two kernels. */
import { Problem } from "../../../../structs/errors.js";
import { replacedRequests } from "../../../../structs/index.js";
import { CURRENT_RELEASE } from "../../../../structs/release.js";
import { EnvironmentError } from "../../../kernel/environment-error.js";
import type { Machine } from "../../../sim/index.js";
import type { KernelFactory } from "../../../trace/index.js";
import type { Family, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { iommuPath } from "../../frame/kernel-choice.js";
import { smallNumber } from "../../frame/small-number.js";
import { place, refuseScript, tellCut, typed } from "./trace-files.js";

/** A kernel by name, and how to make one: each machine is a new one. */
export interface NamedKernel {
	readonly name: string;
	/** a machine, and what starts programs on it */
	readonly kernel: KernelFactory;
	/** the machine that its settings name */
	readonly machine?: Machine;
}

/**
 * `real`, `sim`, or `sim:uapi=6.12,machine=vtd`: a simulated one with settings. `ofTrace`: without a release of its own it
 * is of the one that the trace was recorded on, else of the current one. @throws UsageError, EnvironmentError
 */
export async function kernelNamed(text: string, option: string, cwd: string, ofTrace = false): Promise<NamedKernel> {
	const [kind, ...rest] = text.split(":");
	if (kind !== "real" && kind !== "sim") throw new UsageError(`${option}: "${text}" is not a kernel`, "give real, sim, or sim:uapi=6.12");
	const settings = settingsOf(rest.join(":"), option);
	const name = rest.join("") === "" ? kind : text;
	if (kind === "real") {
		if (settings.uapi ?? settings.machine) throw new UsageError(`${option}: the real kernel takes no settings`, "settings go with sim");
		const { explainOpenFailure, openRealKernel } = await import("../../../kernel/real/index.js");
		// Fails at once if there is no FFI, or no iommufd: every program would differ.
		const kernel = openRealKernel();
		const fd = kernel.open(iommuPath);
		kernel.exit();
		if (fd < 0) {
			const { message, hint } = explainOpenFailure(iommuPath, -fd);
			throw new EnvironmentError(`${option} real: ${message}`, hint?.replace("--kernel sim", `${option} sim`));
		}
		const { withLowFiles } = await import("../../frame/low-files.js");
		const { recordersFiles } = await import("../../../sim/index.js");
		return { name, kernel: (header) => () => withLowFiles(openRealKernel, recordersFiles(header)) };
	}
	const { createSim, isRelease, loadMachine, mixedMachine } = await import("../../../sim/index.js");
	const { uapi = [] } = settings;
	let machine: Machine | undefined;
	try {
		if (settings.machine !== undefined) machine = await loadMachine(settings.machine[0], cwd);
		// Wrong settings are refused before anything runs, whatever the trace's machine.
		createSim({ machine: machine ?? mixedMachine, uapi });
	} catch (error) {
		if (!(error instanceof Problem) || error.kind !== "usage") throw error;
		// Elsewhere a release has an option of its own.
		throw new UsageError(`${option}: ${error.message.replace(/^--uapi: /, "")}`, error.hint);
	}
	const release = ofTrace || uapi.some(isRelease) ? [] : [CURRENT_RELEASE];
	const kernel: KernelFactory = (header) => {
		const own = [...uapi, ...(header.uapi === undefined ? [] : release)];
		const sim = createSim({ header, machine, uapi: own, replaced: replacedRequests() });
		return () => sim.newProcess();
	};
	return { name, kernel, ...(machine !== undefined && { machine }) };
}

/** `uapi=6.12,vtd-inv-v10,machine=vtd`: a word without `=` is one more value for the key before it. */
function settingsOf(text: string, option: string): { uapi?: string[]; machine?: string[] } {
	const found: { uapi?: string[]; machine?: string[] } = {};
	let last: string[] | undefined;
	for (const word of text.split(",").filter(Boolean)) {
		const [key, value] = word.includes("=") ? word.split("=", 2) : ["", word];
		if (key === "uapi" || key === "machine") last = found[key] = [];
		else if (key !== "") last = undefined;
		if (last === undefined || value === "")
			throw new UsageError(`${option}: "${word}" is not a setting of a kernel`, "for example sim:uapi=6.12,machine=vtd");
		last.push(value);
	}
	if (found.machine !== undefined && found.machine.length > 1)
		throw new UsageError(`${option}: a kernel has one machine, not ${found.machine.join(" and ")}`);
	return found;
}

async function run(inv: Invocation): Promise<Outcome> {
	const { args, options, common, io, out } = inv;
	const { compareFile, comparisonToJson, formatComparison } = await import("../../../trace/tools/index.js");
	refuseScript(args[0]);
	const left = await kernelNamed((options.left as string | undefined) ?? "sim", "--left", io.cwd);
	const right = await kernelNamed((options.right as string | undefined) ?? "real", "--right", io.cwd);
	if (inv.place === undefined && [left, right].some(({ name }) => name === "real")) {
		const { inProcessWithLowFiles } = await import("../../frame/low-files.js");
		const exit = inProcessWithLowFiles();
		if (exit !== undefined) return { ...done, exit };
	}
	const program = options.program as string | undefined;
	const max = options.max === undefined ? 1 : smallNumber(options.max as string, "--max");
	const path = place(inv, args[0]);
	const found = await typed(inv, () => compareFile(path, { left, right, program, max }));
	if (found.programs === 0) throw new UsageError(program === undefined ? `${args[0]} has no program` : `no program is called ${program}`);
	if (found.cut) tellCut(inv, args[0], found.cut);
	const text = common.json ? `${JSON.stringify(comparisonToJson(args[0], found))}\n` : formatComparison(found, out);
	io.stdout.write(text.replaceAll(path, () => args[0]));
	return { ...done, exit: found.differing === 0 ? 0 : 1 };
}

const family: Family = {
	name: "compare",
	apart: true,
	commands: [
		{
			name: "",
			summary: "run a trace's programs on two kernels and show where they differ",
			details: [
				"Every program runs on a fresh kernel of both kinds, and their answers are compared with each other; recorded answers",
				"do not count. A kernel is `real`, `sim` (Linux 7.3, whatever the trace was recorded on), or `sim:uapi=6.12`: a simulated one",
				"that answers as that release does (sim:machine=NAME|FILE: a machine other than the trace's). Where a release makes the",
				"difference, its rule is named (docs/releases.md). Exit 0 if they agree, 1 if they do not.",
			].join("\n"),
			args: [{ name: "FILE", value: "file", doc: "a trace, - for stdin; its recorded answers are ignored" }],
			options: () => [
				{ flags: "--left <kernel>", value: "kernel", doc: "one kernel (sim)" },
				{ flags: "--right <kernel>", value: "kernel", doc: "the other (real)" },
				{ flags: "--max <n>", doc: "show this many differences (1)" },
				{ flags: "--program <name>", doc: "run only this program" },
			],
			examples: [
				["compare my.jsonl --left sim --right real", ""],
				["compare my.jsonl --left sim --right sim:uapi=6.12", "what an older kernel does not know"],
			],
			run,
		},
	],
};
export default family;
