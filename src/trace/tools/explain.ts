/** Asks a kernel that knows its checks why the calls of a recorded program failed. */
import type { Kernel } from "../../kernel/kernel.js";
import { type Why, whyLines } from "../../kernel/why.js";
import { type Answer, isFailure, recordedAnswer, sameAnswer } from "../answer.js";
import { errnoName } from "../errno-names.js";
import type { Step } from "../format.js";
import { ProgramReplay } from "../replayer.js";

/** What the kernel says of a step. */
export interface Explanation {
	/** why the call failed */
	readonly why?: Why;
	/** what it did that its answer does not show */
	readonly notes: readonly Why[];
	/** the kernel's own answer where it differs from the recorded one: then it cannot tell why that was given */
	readonly differs?: Answer;
}

/** Runs the steps on a fresh kernel and explains each; undefined for one that needs no explanation. */
export function explainSteps(steps: readonly Step[], kernel: Kernel): (Explanation | undefined)[] {
	const replay = new ProgramReplay(kernel);
	const explained = steps.map((step) => {
		const recorded = recordedAnswer(step);
		const answer = replay.answer(step);
		const notes = replay.notes();
		if (!sameAnswer(answer, recorded)) {
			// With another value the bytes are beside the point.
			const { bytes: _, ...valueOnly } = answer;
			return { notes, differs: answer.ret === recorded.ret ? answer : valueOnly };
		}
		if (!isFailure(answer) && notes.length === 0) return undefined;
		return { why: answer.why, notes };
	});
	replay.end();
	return explained;
}

/** An explanation for people. */
export function explanationLines({ why, notes, differs }: Explanation): string[] {
	const lines: string[] = [];
	if (differs !== undefined) lines.push(`the simulated kernel answers otherwise: ${answerWords(differs)}`);
	const reason = differs === undefined ? why : differs.why;
	if (reason !== undefined) lines.push(...whyLines(reason));
	for (const { check, text } of notes) lines.push(`note: ${check}: ${text}`);
	return lines;
}

function answerWords({ ret, bytes, revents, events, note }: Answer): string {
	if (ret !== undefined) return ret < 0 ? errnoName(-ret) : bytes === undefined ? `${ret}` : `${ret}, and other bytes`;
	if (revents !== undefined) return revents.length === 0 ? "no events" : revents.join("|");
	if (events !== undefined) return events.length === 0 ? "no event records" : "other event records";
	return note ?? "other bytes";
}
