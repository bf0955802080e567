/** Threads of this program: the bundle once more, with another task. */
import { fileURLToPath } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/** Starts a thread that runs `main([task])`. */
export function ownThread(task: `--${string}-thread`, options: Omit<WorkerOptions, "eval"> = {}): Worker {
	const bundle = fileURLToPath(import.meta.url);
	return new Worker(`require(${JSON.stringify(bundle)}).main([${JSON.stringify(task)}])`, { ...options, eval: true });
}
