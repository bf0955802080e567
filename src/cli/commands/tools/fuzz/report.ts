/** What `fuzz` prints of its findings, and the document of a run. */
import { answerLines, type Finding, type KnownDifference, type ProgramResult, signatureKey, titleOf } from "../../../../fuzz/index.js";
import { answerJson } from "../../../../trace/index.js";
import { stepLine } from "../../../../trace/tools/index.js";
import type { Palette } from "../../../frame/colour.js";
import { exitCode } from "../../../frame/exit.js";
import { plural } from "../../../frame/text.js";
import type { ShardNote } from "../cases/index.js";
import { type CampaignReporter, singleUnit, type Unit } from "../formats/index.js";
import type { BlockResult } from "./block.js";

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

/** Adds up the results of blocks, in their order. */
export class Tally {
	programs = 0;
	calls = 0;
	/** programs that showed something new to the generator */
	fresh = 0;
	repeated = 0;
	readonly findings: Written[] = [];
	/** all entries of the file, in its order */
	readonly known: Map<KnownDifference, number>;
	/** what did not come again, so that there is no finding of it: its key, and the block that showed it first */
	readonly unreduced: (readonly [key: string, block: number])[] = [];
	/** the block that showed something first, by its key */
	readonly #shown = new Map<string, number>();
	readonly #entries: readonly KnownDifference[];
	readonly #report: (finding: Finding) => Written;

	/** @param report is called once for each kind of finding */
	constructor(entries: readonly KnownDifference[], report: (finding: Finding) => Written) {
		this.#entries = entries;
		this.known = new Map(entries.map((one) => [one, 0]));
		this.#report = report;
	}

	/** A finding of a block whose result comes later: for kernels that may not get to that. */
	early(block: number, { findings }: Pick<ProgramResult, "findings">): void {
		for (const finding of findings) this.#take(block, finding);
	}

	/** What another block showed before is only counted, whichever thread or machine found it. */
	add(block: number, result: BlockResult): void {
		this.programs += result.programs;
		this.calls += result.calls;
		this.fresh += result.fresh;
		this.repeated += result.repeated;
		for (const [at, count] of Object.entries(result.known)) {
			const entry = this.#entries[Number(at)];
			this.known.set(entry, (this.known.get(entry) ?? 0) + count);
		}
		for (const finding of result.findings) this.#take(block, finding);
		for (const key of result.first) {
			const before = this.#shown.get(key);
			if (before === undefined) this.unreduced.push([key, block]);
			this.#shown.set(key, before ?? block);
			if (before !== undefined && before !== block) this.repeated++;
		}
	}

	#take(block: number, finding: Finding): void {
		const key = signatureKey(finding.signature);
		if (this.#shown.has(key)) return;
		this.#shown.set(key, block);
		this.findings.push(this.#report(finding));
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

export function summaryText(tally: Tally, { left, right, seed }: RunOf, out: Palette, none = "no program was run"): string {
	const { programs, calls, findings, known, repeated } = tally;
	const lines = [...known]
		.filter(([, count]) => count > 0)
		.map(([{ call, why }, count]) => out.faint(`known: ${call ?? "a finding"}: ${why} (${plural(count, "time")})`));
	const counts = `${plural(programs, "program")}, ${plural(calls, "call")}, seed ${seed}`;
	const times = repeated > 0 ? `; ${plural(repeated, "difference")} more of the same kinds` : "";
	lines.push(
		programs === 0 && findings.length === 0
			? `${left} and ${right}: ${none}, seed ${seed}`
			: findings.length === 0
				? out.good(`${left} and ${right} agree: ${counts}`)
				: out.bad(`${left} and ${right} differ: ${plural(findings.length, "finding")} in ${counts}${times}`),
	);
	return `${lines.join("\n")}\n`;
}

/** A campaign as one case of a report; skipped if no program was run, as in an empty shard. @param out without colours */
export function fuzzUnit(tally: Tally, run: RunOf, exit: number, out: Palette): Unit {
	const { findings } = tally;
	const stdout = findings.map((one) => findingText(one, run, out)).join("") + summaryText(tally, run, out);
	const reason = findings.length === 0 ? undefined : plural(findings.length, "finding");
	const title = `${run.left} and ${run.right}, seed ${run.seed}, from program ${run.from}`;
	const unit = `seed-${run.seed}`;
	if (tally.programs === 0 && exit === exitCode.done)
		return singleUnit(unit, { title, result: "skipped", reason: "no program was run", exit: exitCode.skipped, stdout });
	return singleUnit(unit, { title, result: exit === exitCode.done ? "ok" : "failed", reason, exit, stdout });
}

/** What is said of the run besides its findings. */
export interface EndOf {
	readonly exit: number;
	readonly note?: ShardNote;
	/** --programs, not --time, says how many programs there are */
	readonly counted: boolean;
	/** the program that would have been next, where a signal ended the run */
	readonly interrupted?: number;
}

/** What is printed at the end. @param out without colours where it is a report */
export function ending(tally: Tally, run: RunOf, end: EndOf, output: "text" | "json" | CampaignReporter, out: Palette): string {
	const { exit, note, counted, interrupted } = end;
	if (output === "text") return summaryText(tally, run, out, interrupted === undefined ? undefined : "no block of programs had ended");
	if (output === "json") {
		// Else the cases are as many as there was time for.
		const shard = note && (counted && interrupted === undefined ? { ...note, unreduced: tally.unreduced } : { shard: note.shard });
		return `${JSON.stringify({ ...fuzzDocument(tally, run), ...(shard && { shard }), ...(interrupted !== undefined && { interrupted }) })}\n`;
	}
	// Half a campaign is not a result for others.
	if (interrupted !== undefined) return "";
	const which = `${run.left} and ${run.right}`;
	const kernel = [run.left, run.right].includes("real") ? "real" : "sim";
	const about = { command: "fuzz", file: "", kernel, which, count: 1, each: "case", note } as const;
	return output.start(about) + output.one(fuzzUnit(tally, run, exit, out)) + output.end(exit);
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
