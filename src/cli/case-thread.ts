/** A thread that runs single cases of a command line for another thread. */
import { parentPort, workerData } from "node:worker_threads";
import { Problem } from "../../structs/errors.js";
import type { CaseAnswer, CaseThreadData } from "./commands/tools/cases/pool.js";
import { execute } from "./execute.js";
import { BufferSink, type Io, type Sink } from "./frame/io.js";

/** Begins the command line that the thread was given, and runs the cases that it is asked for until it is terminated. */
export async function runCaseThread(): Promise<void> {
	const { argv, cwd, env, stdout, stderr } = workerData as CaseThreadData;
	const sink = (as: { isTTY: boolean; columns?: number }): Sink => ({ ...as, write() {} });
	const said = new BufferSink();
	const io: Io = {
		stdout: sink(stdout),
		stderr: { ...sink(stderr), write: (text) => said.write(text) },
		stdin: { readAll: async () => new Uint8Array() },
		cwd,
		env,
	};
	await execute(argv, { io, serve });
	// It should have asked for cases: the first that is asked for learns what it said instead.
	const message = said.text().trim() || "the command has no cases";
	parentPort?.on("message", (at: number) => answer({ at, error: { kind: "internal", message } }));
}

const answer = (one: CaseAnswer): void => parentPort?.postMessage(one);

function serve(run: (at: number) => Promise<unknown>): Promise<never> {
	parentPort?.on("message", async (at: number) => {
		try {
			answer({ at, result: JSON.stringify(await run(at)) });
		} catch (error) {
			const { message, stack } = error instanceof Error ? error : new Error(String(error));
			const { kind, hint } = error instanceof Problem ? error : { kind: "internal" as const, hint: undefined };
			answer({ at, error: { kind, message, hint, stack } });
		}
	});
	return new Promise(() => {});
}
