/** `fuzz`: random programs on two kernels until they answer differently. */
import type { Family } from "../../../frame/command.js";
import { caseOptions } from "../cases/options.js";
import { kcidbOptions } from "../formats/options.js";

const family: Family = {
	name: "fuzz",
	apart: true,
	commands: [
		{
			name: "",
			summary: "random programs on two kernels until they answer differently",
			details: [
				"Programs are drawn on the simulated kernel from the uAPI's declarations: every call, several contexts, memory that comes and goes,",
				"bent bytes. Half of them are made of others that showed something new. Each runs on both kernels, and every answer is compared.",
				"A difference, a warning in the kernel's log, or a leak is reduced to the fewest steps at once, and with --out written as a trace, a",
				"script and a C program. Kernels are named as in compare. The same seed gives the same programs.",
				"Exit 0 if nothing new was found, 1 if something was. See docs/fuzz.md.",
			].join("\n"),
			options: () => [
				{ flags: "--left <kernel>", value: "kernel", doc: "one kernel (sim)" },
				{ flags: "--right <kernel>", value: "kernel", doc: "the other (real)" },
				{ flags: "--seed <n>", doc: "which programs (1)" },
				{ flags: "--from <n>", doc: "the number of the first program (0)" },
				{ flags: "--programs <n>", doc: "run this many (1000)" },
				{ flags: "--time <time>", doc: "run for this long instead, such as 10m" },
				{ flags: "--corpus <folder>", value: "file", doc: "traces to make programs of; programs that show something new are added" },
				{ flags: "--known <file>", value: "file", doc: "differences that are known and not reported" },
				{ flags: "--out <folder>", value: "file", doc: "where findings are written, and the program that runs now" },
				{ flags: "--format <format>", doc: "one document: json, as --json, or kcidb (for kernelci.org)", choices: ["json", "kcidb"] },
				...kcidbOptions,
				...caseOptions,
			],
			groups: ["quiet"],
			examples: [
				["fuzz --left sim --right sim:uapi=6.12 --programs 100", "what an older kernel does not know"],
				["fuzz --right sim:uapi=6.18 --programs 100000 --shard 2/5 --json", "one machine's part; report merge puts them together"],
				["fuzz --time 10m --out findings --known known.json", "this machine's kernel against the simulated one"],
			],
			run: async (inv) => (await import("./run.js")).runFuzz(inv),
		},
	],
};
export default family;
