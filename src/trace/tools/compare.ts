/** Compares what two kernels answer to the programs of a trace. */
import type { Kernel } from "../../kernel/kernel.js";
import { describeRule, type ReleaseRule, tellsRules } from "../../kernel/release-rule.js";
import type { Answer } from "../answer.js";
import { answerJson, sameAnswer } from "../answer.js";
import { describeAnswers, describeArgument } from "../describe.js";
import type { TraceError } from "../error.js";
import type { Step, TraceHeader } from "../format.js";
import { hasAnswer } from "../format.js";
import type { KernelFactory } from "../replay-files.js";
import { ProgramReplay } from "../replayer.js";
import { eachProgramThere, type Program } from "./programs.js";
import { type Paints, plainPaints, stepLine } from "./show.js";

/** A kernel by the name that the user gave it. */
export interface Side {
	readonly name: string;
	readonly kernel: KernelFactory;
}

/** A step that two kernels answered differently. */
export interface Disagreement {
	readonly file: string;
	readonly line: number;
	readonly program: string;
	/** in its program, from 1 */
	readonly number: number;
	/** undefined: the program's end */
	readonly step: Step | undefined;
	readonly left: Answer;
	readonly right: Answer;
	/** the rules of an older or newer release by which they differ, where a kernel knows; none: it follows from an earlier difference */
	readonly rules: readonly ReleaseRule[];
}

/** A rule of a release, and how many differences name it. */
export interface RuleCount {
	readonly rule: ReleaseRule;
	readonly count: number;
}

export interface Comparison {
	readonly left: string;
	readonly right: string;
	readonly programs: number;
	/** programs with at least one difference */
	readonly differingPrograms: number;
	/** steps whose answers were compared */
	readonly steps: number;
	readonly differing: number;
	/** the first ones */
	readonly differences: readonly Disagreement[];
	/** the rules that differences name, the most frequent first */
	readonly rules: readonly RuleCount[];
	/** a note about a file that was cut short: it was compared as far as it goes */
	readonly cut?: TraceError;
}

export interface CompareOptions {
	readonly left: Side;
	readonly right: Side;
	/** the one program to run */
	readonly program?: string;
	/** how many differences to keep; default 1 */
	readonly max?: number;
}

/** Runs a file's programs on two kernels, each program on a fresh instance of both, and compares their answers. The recorded answers do not matter. */
export async function compareFile(file: string, options: CompareOptions): Promise<Comparison> {
	const { left, right, max = 1 } = options;
	let makers: [() => Kernel, () => Kernel] | undefined;
	const counts = { programs: 0, differingPrograms: 0, steps: 0, differing: 0 };
	const differences: Disagreement[] = [];
	const counted = new Map<string, { rule: ReleaseRule; count: number }>();
	const visit = {
		header(header: TraceHeader) {
			makers = [left.kernel(header), right.kernel(header)];
		},
		program({ name, steps, lines }: Program) {
			const [one, other] = makers as [() => Kernel, () => Kernel];
			counts.programs++;
			const before = counts.differing;
			for (const { step, number, answers, rules } of runBoth(steps, one(), other())) {
				counts.steps += step === undefined || !hasAnswer(step) ? 0 : 1;
				if (sameAnswer(answers[0], answers[1])) continue;
				counts.differing++;
				for (const rule of rules) {
					const before = counted.get(rule.name) ?? { rule, count: 0 };
					counted.set(rule.name, { rule, count: before.count + 1 });
				}
				const place = { file, line: lines[number - 1] ?? (lines.at(-1) ?? 0) + 1, program: name, number, step };
				if (differences.length < max) differences.push({ ...place, left: answers[0], right: answers[1], rules });
			}
			if (counts.differing > before) counts.differingPrograms++;
		},
	};
	const cut = await eachProgramThere(file, visit, options.program);
	const rules = [...counted.values()].sort((a, b) => b.count - a.count);
	return { left: left.name, right: right.name, ...counts, differences, rules, ...(cut && { cut }) };
}

interface Both {
	readonly step: Step | undefined;
	readonly number: number;
	readonly answers: readonly [Answer, Answer];
	/** the rules of releases that either answer follows */
	readonly rules: readonly ReleaseRule[];
}

/** What two kernels answer to each step, and to the program's end. FieldError for steps that are not a valid program. */
export function* runBoth(steps: readonly Step[], left: Kernel, right: Kernel): Generator<Both> {
	const replays = [new ProgramReplay(left), new ProgramReplay(right)] as const;
	const rules = () => [left, right].flatMap((kernel) => (tellsRules(kernel) ? kernel.takeRules() : []));
	rules();
	for (const [at, step] of steps.entries()) {
		yield { step, number: at + 1, answers: [replays[0].answer(step), replays[1].answer(step)], rules: rules() };
	}
	const end = (replay: ProgramReplay): Answer => replay.end() ?? { note: "success" };
	yield { step: undefined, number: steps.length + 1, answers: [end(replays[0]), end(replays[1])], rules: rules() };
}

/** A comparison for people: the first differences with both answers, then the counts. */
export function formatComparison(comparison: Comparison, paints: Paints = plainPaints): string {
	const { left, right, programs, steps, differing, differingPrograms, differences, rules } = comparison;
	const lines = differences.flatMap(({ file, line, program, number, step, left: one, right: other, rules: why }) => {
		const shown = describeAnswers({ file, line, program, number, step, expected: one, got: other });
		return [
			`${file}:${line}: program ${program}, step ${number}: ${step === undefined ? "end of the program" : stepLine(step).replace(/ = .*$/, "")}`,
			...describeArgument(step).map((text) => paints.faint(`    ${text}`)),
			...labelled(left, shown.expected, left, right),
			...labelled(right, shown.got, left, right).map(paints.bad),
			...why.map((rule) => paints.faint(`    ${describeRule(rule)}`)),
		];
	});
	if (differing > differences.length && differences.length > 0) lines.push(`(${differing - differences.length} more; --max N shows more)`);
	if (rules.length > 0) {
		lines.push("rules of releases that differences name:");
		lines.push(...rules.map(({ rule, count }) => `  ${String(count).padStart(String(rules[0].count).length)}  ${describeRule(rule)}`));
	}
	const counts = `${programs} programs, ${steps} steps compared`;
	lines.push(
		differing === 0
			? paints.good(`${left} and ${right} agree: ${counts}`)
			: paints.bad(
					`${left} and ${right} differ: ${counts}, ${differing} differing in ${differingPrograms} ${differingPrograms === 1 ? "program" : "programs"}`,
				),
	);
	return `${lines.join("\n")}\n`;
}

function labelled(label: string, answer: readonly string[], left: string, right: string): string[] {
	const width = Math.max(left.length, right.length);
	return (answer.length === 0 ? ["(nothing more)"] : answer).map((text, at) => `  ${(at === 0 ? label : "").padEnd(width)}  ${text}`);
}

/** The document `iommuctl.compare`. */
export function comparisonToJson(file: string, { differences, rules, cut: _, ...rest }: Comparison): object {
	return {
		schema: "iommuctl.compare",
		version: 1,
		file,
		...rest,
		rules: rules.map(({ rule, count }) => ({ ...rule, count })),
		differences: differences.map(({ line, program, number, step, left, right, rules }) => ({
			line,
			program,
			step: number,
			call: step ?? { op: "end" },
			left: answerJson(left),
			right: answerJson(right),
			rules: rules.map(({ name }) => name),
		})),
	};
}
