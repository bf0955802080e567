/** Makes every call of a program on a second kernel too, which knows its checks and is asked why a call failed. */
import { isForkCapable, type Kernel } from "../kernel/kernel.js";
import type { Explains, Why } from "../kernel/why.js";
import { wrapKernel } from "../kernel/wrap.js";
import { type Answer, isFailure, recordedAnswer, sameAnswer, toRecordedRet } from "./answer.js";
import type { Step } from "./format.js";
import { type Recording, recording, type StepSink } from "./recording.js";
import { ProgramReplay } from "./replayer.js";

export interface Shadowed {
	readonly kernel: Recording & Explains;
	/** Whether both kernels have answered alike so far. */
	alike(): boolean;
}

export interface ShadowOptions {
	/** takes the calls and the first kernel's answers too, before the second kernel makes them */
	readonly sink: StepSink;
	/** where the calls so far can be found, for a reader who wants to know what differed */
	readonly kept: string;
}

/** `kernel`, whose calls `shadow` makes too. What fails on both alike has the shadow's reason. */
export function shadowed(kernel: Kernel, shadow: Kernel, { sink, kept }: ShadowOptions): Shadowed {
	const replay = new ProgramReplay(shadow);
	let last: { readonly recorded: Answer; readonly answer: Answer } | undefined;
	let alike = true;
	const recorded = recording(kernel, {
		step(step: Step) {
			sink.step(step);
			last = { recorded: recordedAnswer(step), answer: replay.answer(step) };
			alike &&= sameAnswer(last.recorded, last.answer);
		},
		end() {
			replay.end();
			sink.end();
		},
	});
	// What is not a step (a call that failed without any effect) has no reason either.
	const why = (ret: number | bigint): Why | undefined => {
		if (last?.recorded.ret !== Number(ret)) return undefined;
		const { recorded: here, answer } = last;
		if (sameAnswer(here, answer)) return answer.why && { ...answer.why, seenBy: "simulated" };
		const own = errnoOf(here);
		const simulated = isFailure(answer) ? errnoOf(answer) : "success";
		return {
			check: "why.surprise",
			text: `this kernel answers ${own}, and the simulated one ${simulated}`,
			rule: `both should answer alike, so either the simulation or this kernel is wrong; the calls so far are in ${kept}`,
			values: { own, simulated, kept },
			source: "--why",
			...(answer.why && { because: { ...answer.why, seenBy: "simulated" } }),
		};
	};
	const notes = () => replay.notes();
	const explaining = (one: Kernel): Kernel =>
		wrapKernel(one, { why, notes, ...(isForkCapable(one) && { fork: (name: string) => explaining(one.fork(name)) }) });
	return { kernel: { ...explaining(recorded), adopt: recorded.adopt, why, notes }, alike: () => alike };
}

function errnoOf({ ret = 0 }: Answer): string {
	return toRecordedRet(ret).errno ?? `${ret}`;
}
