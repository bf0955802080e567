/** Runs a program on this machine's kernel and records it, to its end. */
import { accessSync, constants, statSync } from "node:fs";
import { constants as os, release } from "node:os";
import { delimiter, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { native } from "../exec/native.js";
import { forwardSignals } from "../exec/signals.js";
import { EnvironmentError } from "../kernel/environment-error.js";
import { EACCES, ENOENT } from "../kernel/errno.js";
import { FILTER_REFUSED } from "./job.js";
import type { RecorderOptions } from "./recorder.js";
import { filterRefusal, obstacle, traceRefusal } from "./refusal.js";
import type { TraceEnd } from "./tracer.js";
import type { Recorded, Said } from "./worker.js";

export interface RecordOptions extends RecorderOptions {
	/** the trace: a new file, or one with this header */
	readonly file: string;
	readonly header: Readonly<Record<string, unknown>>;
	/** looked up in PATH if it has no slash */
	readonly program: string;
	readonly args: readonly string[];
	readonly cwd: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** worker.ts and stub.ts, once they are built */
	readonly worker: URL;
	readonly stub: string;
	/** called once the program runs */
	started?(pid: number): void;
	/** called if the trace cannot be written any more, with the errno's name; the program goes on */
	unwritten?(code: string): void;
}

/** How a program ended, or why it did not start: an errno. */
export type Ended = ({ readonly code: number } | { readonly signal: string } | { readonly failed: number }) & {
	/** programs of the trace */
	readonly programs: number;
	/** calls on files of iommufd or VFIO that were open before and cannot be told */
	readonly unknown: number;
};

/** @throws EnvironmentError where programs cannot be recorded */
export async function recordProgram(options: RecordOptions): Promise<Ended> {
	const { program, args, env, cwd } = options;
	const path = lookUp(program, env.PATH, cwd);
	if (typeof path === "number") return { failed: path, programs: 0, unknown: 0 };
	const { file, header, paths, time, withMemory, name, stub } = options;
	const job = {
		program: path,
		args: [program, ...args],
		env: Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`])),
	};
	const given: Recorded = { file, header, paths, time, withMemory, name, job, cwd, stub };
	// FFI is unloaded with the last thread that uses it, and may still be called then: this thread stays.
	const wrong = obstacle(native(), release());
	if (wrong !== undefined) throw new EnvironmentError(...wrong);
	const signals = forwardSignals();
	const worker = new Worker(options.worker, { workerData: given });
	try {
		return await new Promise<Ended>((settle, reject) => {
			worker.on("error", reject);
			worker.on("message", (said: Said) => {
				if ("started" in said) {
					signals.started(said.started);
					options.started?.(said.started);
				} else if ("unwritten" in said) options.unwritten?.(said.unwritten);
				else if ("refused" in said) reject(traceRefusal(said.refused));
				else {
					const { end, programs, unknown } = said;
					if ("unstarted" in end && end.unstarted >= FILTER_REFUSED) reject(filterRefusal(end.unstarted - FILTER_REFUSED));
					else settle({ ...ended(end), programs, unknown });
				}
			});
		});
	} finally {
		signals.stop();
		await worker.terminate();
	}
}

function ended(end: TraceEnd): { code: number } | { signal: string } | { failed: number } {
	if ("unstarted" in end) return { failed: end.unstarted };
	if ("code" in end) return end;
	return { signal: Object.entries(os.signals).find(([, number]) => number === end.signal)?.[0] ?? `signal ${end.signal}` };
}

/** The path of a program, as execvp finds it, or an errno. */
function lookUp(program: string, path = "/usr/local/bin:/usr/bin:/bin", cwd = "/"): string | number {
	if (program.includes("/")) return resolve(cwd, program);
	let found = ENOENT;
	for (const folder of path.split(delimiter)) {
		const file = resolve(cwd, folder, program);
		try {
			if (!statSync(file).isFile()) continue;
			accessSync(file, constants.X_OK);
			return file;
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === "EACCES") found = EACCES;
		}
	}
	return found;
}
