/** Writes a finding as a trace, a script and a C program, each with both answers. */
import { createHash } from "node:crypto";
import { exportC } from "../trace/export/c.js";
import { exportScript } from "../trace/export/script.js";
import { describeAnswers, TRACE_VERSION, type TraceHeader } from "../trace/index.js";
import { traceText } from "../trace/tools/index.js";
import type { Finding } from "./finding.js";
import { type Signature, signatureKey } from "./signature.js";

export interface FindingFile {
	/** `.jsonl`, `.iommu` or `.c`, behind its name */
	readonly ending: string;
	readonly text: string;
}

/**
 * `1-18-ioas-unmap-3f2a`: seed, program, call, and four digits of the signature, which tell several of a program apart. The same
 * whichever shard or thread found it.
 */
export function nameOf({ seed, program, signature }: Finding): string {
	const call = signature.call
		.replace(/^IOMMU_/, "")
		.toLowerCase()
		.replaceAll(/[^a-z0-9]+/g, "-");
	const digits = createHash("sha256").update(signatureKey(signature)).digest("hex").slice(0, 4);
	return `${seed}-${program}-${call}-${digits}`;
}

/** What it is in a line: `IOMMU_IOAS_MAP: sim EEXIST, real EINVAL`. */
export function titleOf({ kind, call, left, right, fields, check, rule }: Signature, sides: readonly [string, string]): string {
	if (kind === "warning") return `the log of ${sides[1]}: ${right} at ${call}`;
	if (kind === "leak") return `${sides[1]} leaks: ${call}${right === undefined ? "" : ` of ${right}`}`;
	const why = rule !== undefined ? `, by the rule ${rule}` : check === undefined ? "" : ` (${check})`;
	return left === right && fields !== undefined
		? `${call}: ${fields.join(", ")} differ${rule === undefined ? "" : why}`
		: `${call}: ${sides[0]} ${left}, ${sides[1]} ${right}${why}`;
}

/** Both answers to the last step, in lines. */
export function answerLines(finding: Finding, sides: readonly [string, string]): string[] {
	const { difference, lines = [], steps } = finding;
	if (difference === undefined) return [...lines];
	const step = steps.at(-1);
	const shown = describeAnswers({ file: "", line: 0, program: "", number: 0, step, expected: difference.left, got: difference.right });
	return [...labelled(sides[0], shown.expected, sides), ...labelled(sides[1], shown.got, sides)];
}

function labelled(label: string, texts: readonly string[], sides: readonly [string, string]): string[] {
	const width = Math.max(...sides.map(({ length }) => length));
	return (texts.length === 0 ? ["(nothing more)"] : texts).map((text, at) => `${(at === 0 ? label : "").padEnd(width)}  ${text}`);
}

/** The files of a finding: the answers in them are the right side's. */
export function filesOf(finding: Finding, sides: readonly [string, string]): FindingFile[] {
	const name = nameOf(finding);
	const program = { name, line: 1, lines: [], steps: finding.steps };
	const about = [
		titleOf(finding.signature, sides),
		"",
		...answerLines(finding, sides),
		"",
		`Found by iommuctl fuzz, seed ${finding.seed}, program ${finding.program}.`,
	];
	const header: TraceHeader = {
		trace: "iommufd",
		version: TRACE_VERSION,
		suite: "fuzz",
		fuzz: { left: sides[0], right: sides[1], ...finding, steps: undefined },
	};
	const c = exportC(`${name}.jsonl`, header, [program]);
	const script = exportScript(program, about);
	return [
		{ ending: ".jsonl", text: traceText(header, [program]) },
		{ ending: ".iommu", text: script.text },
		{
			ending: ".c",
			text: c.text.replace(
				"/*\n",
				`/*\n${about.map((line) => (line === "" ? " *\n" : ` * ${line.replaceAll("*/", "* /")}\n`)).join("")} *\n`,
			),
		},
	];
}
