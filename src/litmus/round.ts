/** One order of a test's calls on one kernel. */
import { isForkCapable, type Kernel, tellsWaits } from "../kernel/kernel.js";
import { filling, make } from "./make.js";
import { type Answer, callText, type Entry, entriesOf, type Outcome } from "./outcome.js";
import type { Sent } from "./refused.js";
import { type Call, emptySlots, type LitmusTest, type Part } from "./test.js";

/** A kernel for one order; it is new, as the hardware under it is. */
export interface Stage {
	readonly kernel: Kernel;
	/** all that the calls so far left behind, in words that are the same for the same state; undefined: not known */
	fingerprint?(): string | undefined;
	/** is told every answer right after its call, before the kernel forgets why it failed */
	answered?(call: Call, ret: number, kernel: Kernel): void;
}

/** A setup's call that failed. */
export class SetupFailed extends Error {
	constructor(
		readonly line: number,
		readonly entry: Entry,
	) {
		super(`the setup's line ${line} answers ${entry.text}`);
	}
}

/** A call that was made. */
export interface Taken {
	readonly thread: number;
	readonly part: Part;
	readonly call: Call;
	readonly answer: Answer;
	/** the call waits for another thread here, so it is not this one's turn */
	readonly waits: boolean;
}

/** One order on one kernel, call by call. */
export class Round {
	readonly slots: BigInt64Array;
	readonly length: number;
	readonly #answers: Answer[][];
	readonly #test: LitmusTest;
	readonly #stage: Stage;

	readonly #refused: ReadonlyMap<Call, number>;
	/** of each thread; a process has its own */
	readonly #kernels: readonly Kernel[];

	/**
	 * Runs the setup.
	 * @param refused calls that are not made: they answer this errno @throws SetupFailed
	 */
	constructor(test: LitmusTest, stage: Stage, refused: ReadonlyMap<Call, number> = new Map()) {
		this.#refused = refused;
		this.#test = test;
		this.#stage = stage;
		this.slots = emptySlots(test);
		this.length = test.threads.reduce((sum, { calls }) => sum + calls.length, 0);
		this.#answers = test.threads.map(() => []);
		for (const call of test.setup.calls) {
			const answer = this.#make(call);
			if (answer.ret >= 0) continue;
			const { text, fields } = callText(test, call, answer, this.slots);
			throw new SetupFailed(test.setup.lines[call.line].line, { label: "setup", text, errno: -answer.ret, fields });
		}
		this.#kernels = test.threads.map((part) => (part.process ? forked(stage.kernel, part) : stage.kernel));
	}

	/** The first thread that has calls left. */
	firstLeft(): number {
		return this.#test.threads.findIndex(({ calls }, at) => this.#answers[at].length < calls.length);
	}

	/** Makes a thread's next call. */
	step(thread: number): Taken {
		const part = this.#test.threads[thread];
		const call = part.calls[this.#answers[thread].length];
		const errno = this.#refused.get(call);
		const answer = errno === undefined ? this.#make(call, this.#kernels[thread]) : this.#refuse(call, errno);
		this.#answers[thread].push(answer);
		const kernel = this.#kernels[thread];
		return { thread, part, call, answer, waits: errno === undefined && tellsWaits(kernel) && kernel.waits() !== undefined };
	}

	/** Calls of other threads that can be at work during this thread's latest: each one's latest, and its next. */
	beside(thread: number): Sent[] {
		return this.#test.threads.flatMap(({ calls }, other): Sent[] => {
			if (other === thread) return [];
			const answers = this.#answers[other];
			const latest = answers.length === 0 ? [] : [{ call: calls[answers.length - 1], bytes: answers[answers.length - 1].bytes }];
			const next = calls.slice(answers.length, answers.length + 1).map((call) => ({ call, bytes: this.#given(call) }));
			return [...latest, ...next];
		});
	}

	/** Where everything stands: how far the threads are, what they were answered and what the kernel holds. */
	state(): string | undefined {
		const kernel = this.#stage.fingerprint?.();
		if (kernel === undefined) return undefined;
		return `${this.#answers.map(textOf).join("|")}|${this.slots.join()}|${kernel}`;
	}

	/** Runs `finally` and ends the program. @returns the outcome, and a text that is the same only for equal answers */
	end(): { readonly raw: string; outcome(): Outcome } {
		const test = this.#test;
		this.#endProcesses();
		const last = test.finally.calls.map((call) => this.#make(call));
		this.#stage.kernel.exit();
		const raw = [...this.#answers, last].map(textOf).join("|");
		const outcome = (): Outcome => {
			const threads = test.threads.flatMap((part, at) => entriesOf(test, part, this.#answers[at], this.slots));
			return { entries: [...threads, ...entriesOf(test, test.finally, last, this.slots)] };
		};
		return { raw: `${raw}|${this.slots.join()}`, outcome };
	}

	leave(): void {
		this.#endProcesses();
		this.#stage.kernel.exit();
	}

	/** The answer of a call that had no effect. */
	#refuse(call: Call, errno: number): Answer {
		return { ret: -errno, bytes: this.#given(call) };
	}

	#given(call: Call): Uint8Array {
		const bytes = new Uint8Array(call.bytes ?? []);
		filling(call, this.slots, bytes)();
		return bytes;
	}

	#endProcesses(): void {
		for (const kernel of this.#kernels) if (kernel !== this.#stage.kernel) kernel.exit();
	}

	#make(call: Call, kernel = this.#stage.kernel): Answer {
		const bytes = new Uint8Array(call.bytes?.length ?? 0);
		const ret = make(kernel, call, this.slots, bytes);
		this.#stage.answered?.(call, ret, kernel);
		return { ret, bytes };
	}
}

function forked(kernel: Kernel, { name }: Part): Kernel {
	if (!isForkCapable(kernel)) throw new Error("this kernel has no processes");
	return kernel.fork(name);
}

const textOf = (answers: readonly Answer[]): string =>
	answers.map(({ ret, bytes }) => `${ret} ${Buffer.from(bytes).toString("latin1")}`).join();
