/** `doctor`: prints what the checks of the environment found. */
import type { Family, Invocation } from "../../../frame/command.js";
import { done, exitCode, type Outcome } from "../../../frame/exit.js";
import { plural } from "../../../frame/text.js";
import { wrapText } from "../../../frame/wrap-text.js";

const marks = { ok: "ok", note: "note", missing: "missing" } as const;

async function run({ common, io, out }: Invocation): Promise<Outcome> {
	const { examine, hostAt } = await import("./index.js");
	const findings = await examine(hostAt("/"));
	const missing = findings.filter(({ status }) => status === "missing");
	const exit = missing.length === 0 ? exitCode.done : exitCode.environment;
	if (common.json) {
		const document = {
			schema: "iommuctl.doctor",
			version: 1,
			ok: missing.length === 0,
			exit,
			checks: findings.map(({ mend, more, ...finding }) => ({ ...finding, mend: mend ?? null, more: more ?? [] })),
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
		return { ...done, exit };
	}
	const paint = { ok: out.good, note: out.note, missing: out.bad };
	const width = Math.max(...findings.map(({ title }) => title.length));
	const indent = " ".repeat(9 + width + 2);
	const room = io.stdout.columns === undefined ? undefined : io.stdout.columns - indent.length;
	const lines = (text: string): string[] => wrapText(text, room);
	for (const { status, title, found, mend, more } of findings) {
		const [first, ...rest] = lines(found);
		io.stdout.write(`${paint[status](marks[status].padEnd(7))}  ${out.strong(title.padEnd(width))}  ${first}\n`);
		for (const line of rest) io.stdout.write(`${indent}${line}\n`);
		for (const line of (more ?? []).flatMap(lines)) io.stdout.write(`${indent}${out.faint(line)}\n`);
		if (mend === undefined) continue;
		for (const line of lines(`to mend: ${mend}`)) io.stdout.write(`${indent}${line.replace(/^to mend:/, out.note("to mend:"))}\n`);
	}
	const real = findings.every(({ id, status }) => !["ffi", "iommu"].includes(id) || status !== "missing");
	const which = real ? "the real kernel" : "the simulated kernel";
	const verdict = missing.length === 0 ? out.good("everything is here") : `${plural(missing.length, "thing")} missing`;
	io.stdout.write(`\n${verdict}; without --kernel, ${which} answers\n`);
	return { ...done, exit };
}

const family: Family = {
	name: "doctor",
	apart: true,
	commands: [
		{
			name: "",
			summary: "what works in this environment, what does not, and how to fix it",
			details: [
				"Looks at Node, FFI, the layouts of the structs, whether exec and record can run programs, the kernel, how it was built, its",
				"modules and types (BTF), /dev/iommu, IOMMUs, groups and devices that are ready for VFIO, and the limit of locked memory. Nothing is changed.",
				"Exit 0 if nothing is missing, 3 if something is; the simulated kernel needs none of it.",
			].join("\n"),
			examples: [
				["doctor", ""],
				["doctor --json", "the same for programs"],
			],
			run,
		},
	],
};
export default family;
