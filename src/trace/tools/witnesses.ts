/** Counts the recorded answers that witness each check of a kernel that knows its checks. */
import type { Why } from "../../kernel/why.js";
import { isFailure } from "../answer.js";
import { readTrace } from "../reader.js";
import type { KernelFactory } from "../replay-files.js";
import { ProgramReplay } from "../replayer.js";

/**
 * How many recorded answers each check explains, by ID; a check that caused another counts too, and what a call did that its answer
 * does not show counts as `notes.`. A recorded failure without a reason counts as `""`.
 */
export async function answersByCheck(files: readonly string[], kernel: KernelFactory): Promise<Map<string, number>> {
	const counts = new Map<string, number>();
	const count = (check: string): void => void counts.set(check, (counts.get(check) ?? 0) + 1);
	const chain = (why: Why | undefined): void => {
		for (let one = why; one !== undefined; one = one.because) count(one.check);
	};
	for (const file of files) {
		let newKernel: ReturnType<KernelFactory>;
		let replay: ProgramReplay;
		await readTrace(file, {
			header(header) {
				newKernel = kernel(header);
			},
			program() {
				replay = new ProgramReplay(newKernel());
				return true;
			},
			step(step) {
				const answer = replay.answer(step);
				if (isFailure(answer)) {
					if (answer.why === undefined) count("");
					else chain(answer.why);
				}
				for (const { check } of replay.notes()) count(`notes${check.slice(check.lastIndexOf("."))}`);
			},
			end: () => void replay.end(),
		});
	}
	return counts;
}
