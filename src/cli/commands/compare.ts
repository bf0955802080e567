import { resolve } from "node:path";
import type { KernelFactory } from "../../trace/index.js";
import type { Side } from "../../trace/tools/index.js";
import type { Family, Invocation } from "../command.js";
import { done, type Outcome, UsageError } from "../exit.js";

/** A kernel by name: `real`, `sim`, or `sim:uapi=6.12` for a simulated one that is told more. @throws UsageError */
export async function sideNamed(text: string, option: string): Promise<Side & { readonly kind: "real" | "sim" }> {
	const [kind, ...rest] = text.split(":");
	const settings = rest.join(":").split(",").filter(Boolean);
	// sim:uapi=6.12,amd-nested: what stands behind a comma without a name belongs to the setting before it.
	const uapi = settings.map((word, at) => (at === 0 ? word.replace(/^uapi=/, "") : word));
	if (settings.length > 0 && (kind !== "sim" || !settings[0].startsWith("uapi=")))
		throw new UsageError(`${option}: "${settings[0]}" is nothing that ${kind} can be told`, "real, sim, or sim:uapi=6.12");
	if (kind === "real") {
		const { openRealKernel } = await import("../../kernel/real/index.js");
		// Says at once where there is no FFI.
		openRealKernel().exit();
		return { name: text, kind, kernel: () => () => openRealKernel() };
	}
	if (kind !== "sim") throw new UsageError(`${option}: "${text}" is no kernel`, "real or sim");
	const { createSim } = await import("../../sim/index.js");
	// Says at once what is no release.
	createSim({ uapi: uapi.filter((word) => /^\d/.test(word)) });
	const kernel: KernelFactory = (header) => {
		const sim = createSim({ header, uapi });
		return () => sim.newProcess();
	};
	return { name: text, kind, kernel };
}

/** A small number that an option gives. @throws UsageError */
export function number(text: string, option: string): number {
	if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option}: "${text}" is no number`);
	return Number(text);
}

async function run({ args, options, common, io, out }: Invocation): Promise<Outcome> {
	const { compareFile, comparisonToJson, formatComparison } = await import("../../trace/tools/index.js");
	const left = await sideNamed((options.left as string | undefined) ?? "sim", "--left");
	const right = await sideNamed((options.right as string | undefined) ?? "real", "--right");
	const program = options.program as string | undefined;
	const max = options.max === undefined ? 1 : number(options.max as string, "--max");
	const path = resolve(io.cwd, args[0]);
	const found = await compareFile(path, { left, right, program, max });
	if (found.programs === 0) throw new UsageError(program === undefined ? `${args[0]} has no program` : `no program is called ${program}`);
	const typed = (text: string): string => text.replaceAll(path, args[0]);
	io.stdout.write(typed(common.json ? `${JSON.stringify(comparisonToJson(args[0], found))}\n` : formatComparison(found, out)));
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
				"Every program runs on a fresh kernel of both kinds, and their answers are compared with each other; what was recorded",
				"does not count. A kernel is `real`, `sim`, or `sim:uapi=6.12`: a simulated one that knows no newer commands, flags and",
				"fields. Exit 0 where they agree, 1 where they do not.",
			].join("\n"),
			args: [{ name: "FILE", doc: "a trace; its recorded answers are not looked at" }],
			options: () => [
				{ flags: "--left <kernel>", doc: "one kernel (sim)" },
				{ flags: "--right <kernel>", doc: "the other (real)" },
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
