/** Counts the recorded answers that witness each check of a kernel that knows its checks. */
import type { Why } from "../../kernel/why.js";
import { isFailure } from "../answer.js";
import { type KernelFactory, type ReplayOptions, replayFiles } from "../replay-files.js";

/**
 * How many recorded answers each check explains, by ID; a check that caused another counts too, and what a call did that its answer
 * does not show counts as `notes.`. A recorded failure without a reason counts as `""`.
 */
export async function answersByCheck(files: readonly string[], kernel: KernelFactory): Promise<Map<string, number>> {
	const counts = new Map<string, number>();
	await replayFiles(files, { kernel, onStep: countChecks(counts) });
	return counts;
}

/** The same for a replay that looks at more than the checks. @param counts grows with each step */
export function countChecks(counts: Map<string, number>): NonNullable<ReplayOptions["onStep"]> {
	const count = (check: string): void => void counts.set(check, (counts.get(check) ?? 0) + 1);
	const chain = (why: Why | undefined): void => {
		for (let one = why; one !== undefined; one = one.because) count(one.check);
	};
	return (_, answer, notes) => {
		if (isFailure(answer)) {
			if (answer.why === undefined) count("");
			else chain(answer.why);
		}
		for (const { check } of notes) count(`notes${check.slice(check.lastIndexOf("."))}`);
	};
}
