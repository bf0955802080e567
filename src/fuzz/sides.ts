/** Runs a program's steps on the two kernels and finds the first step that they answer differently. */
import type { Kernel } from "../kernel/kernel.js";
import { tellsRules } from "../kernel/release-rule.js";
import { type Answer, FieldError, ProgramReplay, recordedAnswer, type Step, sameAnswer } from "../trace/index.js";
import type { Kcov } from "./kcov.js";
import type { Kmemleak } from "./kmemleak.js";
import type { Counters } from "./leaks.js";

/** A kernel that takes part. */
export interface Side {
	/** as the user names it: `sim`, `real`, `sim:uapi=6.12` */
	readonly name: string;
	readonly real: boolean;
	/** A kernel for one program; `exit` ends it. */
	open(): Kernel;
	/** The warnings in its log since the last time, each with its lines, of which the first names it. A real kernel has a log. */
	warnings?(): readonly (readonly string[])[];
	/** What it counts, of a real kernel. */
	counters?(): Counters;
	/** What the programs that ended left behind, of a kernel that can be asked. */
	leftovers?(): readonly string[];
	/** Files that programs had opened without being told the numbers, and that were closed behind them, since the last time; of a real kernel. */
	strays?(): readonly string[];
	/** Finds memory that nothing in it points to any more, of a real kernel that was built for it. */
	readonly unreferenced?: Pick<Kmemleak, "found">;
	/** Which of its code a program reached for the first time, of a real kernel that was built for it. */
	readonly coverage?: Pick<Kcov, "begin" | "end">;
	/** Makes warnings that the kernel tells only once come again. */
	again?(): void;
}

export interface Difference {
	/** its place in the program, from 0 */
	readonly at: number;
	/** undefined: the program's end */
	readonly step: Step | undefined;
	readonly left: Answer;
	readonly right: Answer;
	/** the name of the release's rule by which they differ, where a side is of another release */
	readonly rule?: string;
}

/** What a side answers to each step; the last answer is that of the program's end. FieldError for what is not a program. */
export function answersOf(steps: readonly Step[], side: Side, rules?: Map<number, string>): Answer[] {
	const kernel = side.open();
	const replay = new ProgramReplay(kernel);
	const answers: Answer[] = [];
	try {
		for (const [at, step] of steps.entries()) {
			answers.push(replay.answer(step));
			const [rule] = tellsRules(kernel) ? kernel.takeRules() : [];
			if (rule !== undefined) rules?.set(at, rule.name);
		}
	} finally {
		answers.push(replay.end() ?? { note: "success" });
	}
	return answers;
}

/**
 * The first step that the sides answer differently, undefined if there is none. After it the kernels are in different states,
 * so what follows is not compared.
 * @param left undefined: the steps' own recorded answers
 * @throws FieldError for what is not a program
 */
export function firstDifference(steps: readonly Step[], left: Side | undefined, right: Side): Difference | undefined {
	const rules = new Map<number, string>();
	const wanted = left === undefined ? undefined : answersOf(steps, left, rules);
	const kernel = right.open();
	const replay = new ProgramReplay(kernel);
	let found: Difference | undefined;
	try {
		for (const [at, step] of steps.entries()) {
			const answer = replay.answer(step);
			const expected = wanted === undefined ? recordedAnswer(step) : wanted[at];
			const [own] = tellsRules(kernel) ? kernel.takeRules() : [];
			if (sameAnswer(expected, answer)) continue;
			const rule = own?.name ?? rules.get(at);
			found = { at, step, left: expected, right: answer, ...(rule !== undefined && { rule }) };
			break;
		}
	} finally {
		const end = replay.end() ?? { note: "success" };
		const expected = wanted?.at(-1) ?? { note: "success" };
		if (found === undefined && !sameAnswer(expected, end)) found = { at: steps.length, step: undefined, left: expected, right: end };
	}
	return found;
}

/** The same, undefined also for steps that are not a program. */
export function differenceOf(steps: readonly Step[], left: Side, right: Side): Difference | undefined {
	try {
		return firstDifference(steps, left, right);
	} catch (error) {
		if (error instanceof FieldError) return undefined;
		throw error;
	}
}
