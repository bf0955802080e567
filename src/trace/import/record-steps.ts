/** Records what a function does on a kernel as steps of a trace. */
import type { Kernel } from "../../kernel/kernel.js";
import type { Step } from "../format.js";
import { recording } from "../recording.js";

/** The steps that `run` makes on `kernel`, with the kernel's answers, and what `run` returns. */
export function recordSteps<T>(kernel: Kernel, run: (kernel: Kernel) => T): { readonly steps: readonly Step[]; readonly result: T } {
	const steps: Step[] = [];
	const result = run(recording(kernel, { step: (step) => steps.push(step), end: () => {} }));
	return { steps, result };
}
