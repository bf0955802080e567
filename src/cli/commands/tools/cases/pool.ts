/** Threads that work on a command's cases. */
import type { Worker } from "node:worker_threads";
import { Problem, type ProblemKind } from "../../../../../structs/errors.js";
import type { Invocation } from "../../../frame/command.js";
import { type End, endOf, type Io } from "../../../frame/io.js";
import { ownThread } from "../../../frame/own-thread.js";

/** What a thread is started with. */
export interface CaseThreadData {
	readonly argv: readonly string[];
	readonly cwd: string;
	readonly env: Io["env"];
	readonly stdout: End;
	readonly stderr: End;
}

/** What a thread answers; `result` is JSON. */
export type CaseAnswer =
	| { readonly at: number; readonly result: string }
	| {
			readonly at: number;
			readonly error: { readonly kind: ProblemKind; readonly message: string; readonly hint?: string; readonly stack?: string };
	  };

/** One thread, with one case at a time. */
export class CaseThread<R> {
	readonly #worker: Worker;
	#settle: { resolve(result: R): void; reject(error: Error): void } | undefined;

	constructor({ argv, io }: Pick<Invocation, "argv" | "io">) {
		const { stdout, stderr, cwd, env } = io;
		const workerData: CaseThreadData = { argv, cwd, env: { ...env }, stdout: endOf(stdout), stderr: endOf(stderr) };
		this.#worker = ownThread("--case-thread", { workerData });
		this.#worker.on("message", (answer: CaseAnswer) => {
			const settle = this.#settle;
			this.#settle = undefined;
			if ("result" in answer) settle?.resolve(JSON.parse(answer.result) as R);
			else settle?.reject(thrown(answer.error));
		});
		const lost = (error: Error): void => this.#settle?.reject(error);
		this.#worker.on("error", lost);
		this.#worker.on("exit", (code) => lost(new Error(`a thread ended early (exit code ${code})`)));
	}

	/** @throws what the case throws */
	run(at: number): Promise<R> {
		return new Promise((resolve, reject) => {
			this.#settle = { resolve, reject };
			this.#worker.postMessage(at);
		});
	}

	async end(): Promise<void> {
		this.#settle = undefined;
		await this.#worker.terminate();
	}
}

function thrown({ kind, message, hint, stack }: Extract<CaseAnswer, { error: unknown }>["error"]): Error {
	if (kind !== "internal") return new Problem(kind, message, hint);
	return Object.assign(new Error(message), { stack });
}
