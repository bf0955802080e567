/** The last line of a trace that ends in a call: its beginning alone, as the call never returned. */
import { checkStep } from "./check.js";
import type { Step } from "./format.js";

/** The calls whose lines are written in two parts, with what stands for the answer that is not known. */
const answers: Readonly<Record<string, object>> = {
	ioctl: { ret: 0 },
	read: { ret: 0, data: "" },
	pread: { ret: 0, data: "" },
	write: { ret: 0 },
	pwrite: { ret: 0 },
	close: {},
};

/** The step that a line without its end stands for, or undefined if it is not one. */
export function pendingCall(text: string): Step | undefined {
	try {
		const part = JSON.parse(`${text}}`) as Record<string, unknown>;
		const op = String(part.op);
		if (!Object.hasOwn(answers, op) || part.ret !== undefined) return undefined;
		const step: Record<string, unknown> = { ...part, ...answers[op], pending: true };
		checkStep(step);
		return step;
	} catch {
		return undefined;
	}
}
