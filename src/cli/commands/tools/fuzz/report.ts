/** What `fuzz` prints of its findings, and the document of a run. */
import { answerLines, type Finding, type KnownDifference, type ProgramResult, titleOf } from "../../../../fuzz/index.js";
import { answerJson } from "../../../../trace/index.js";
import { stepLine } from "../../../../trace/tools/index.js";
import type { Palette } from "../../../frame/colour.js";
import { plural } from "../../../frame/text.js";

export interface RunOf {
	readonly left: string;
	readonly right: string;
	readonly seed: number;
	/** the first program */
	readonly from: number;
}

/** A finding with the files that it was written to. */
export interface Written {
	readonly finding: Finding;
	readonly files: readonly string[];
}

/** Adds up the results of the programs. */
export class Tally {
	programs = 0;
	calls = 0;
	/** programs that showed something new to the generator */
	fresh = 0;
	repeated = 0;
	readonly findings: Written[] = [];
	readonly known = new Map<KnownDifference, number>();

	add({ program, known, repeated }: ProgramResult): void {
		this.programs++;
		this.calls += program.steps.length;
		if (program.fresh) this.fresh++;
		this.repeated += repeated.length;
		for (const one of known) this.known.set(one, (this.known.get(one) ?? 0) + 1);
	}
}

export function findingText({ finding, files }: Written, { left, right }: RunOf, out: Palette): string {
	const sides = [left, right] as const;
	const { seed, program, signature, whole, steps } = finding;
	const reduced = whole === 0 ? "" : `, ${whole} steps reduced to ${steps.length}`;
	const lines = [
		`${out.bad(titleOf(signature, [...sides]))}`,
		`  seed ${seed}, program ${program}${reduced}`,
		...steps.map((step, at) => `  ${String(at + 1).padStart(2)}  ${stepLine(step)}`),
		...answerLines(finding, [...sides]).map((line) => `      ${line}`),
		...(files.length === 0 ? [] : [out.faint(`  written: ${files.join(" ")}`)]),
	];
	return `${lines.join("\n")}\n`;
}

export function summaryText(tally: Tally, { left, right, seed }: RunOf, out: Palette): string {
	const { programs, calls, findings, known, repeated } = tally;
	const lines = [...known].map(([{ call, why }, count]) => out.faint(`known: ${call ?? "a finding"}: ${why} (${plural(count, "time")})`));
	const counts = `${plural(programs, "program")}, ${plural(calls, "call")}, seed ${seed}`;
	const times = repeated > 0 ? `; ${plural(repeated, "difference")} more of the same kinds` : "";
	lines.push(
		findings.length === 0
			? out.good(`${left} and ${right} agree: ${counts}`)
			: out.bad(`${left} and ${right} differ: ${plural(findings.length, "finding")} in ${counts}${times}`),
	);
	return `${lines.join("\n")}\n`;
}

/** The document `iommuctl.fuzz`. */
export function fuzzDocument(tally: Tally, run: RunOf): object {
	const { programs, calls, repeated, findings, known } = tally;
	return {
		schema: "iommuctl.fuzz",
		version: 1,
		...run,
		programs,
		calls,
		repeated,
		known: [...known].map(([entry, count]) => ({ ...entry, count })),
		findings: findings.map(({ finding, files }) => {
			const { program, signature, whole, steps, difference, lines } = finding;
			return {
				program,
				title: titleOf(signature, [run.left, run.right]),
				signature,
				whole,
				steps,
				left: difference ? answerJson(difference.left) : null,
				right: difference ? answerJson(difference.right) : null,
				log: lines ?? [],
				files,
			};
		}),
	};
}
