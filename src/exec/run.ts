/** Runs a program on a simulated kernel, to its end. */
import { release } from "node:os";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { EnvironmentError } from "../kernel/environment-error.js";
import type { Kernel } from "../kernel/kernel.js";
import type { Sim } from "../sim/index.js";
import { adoptOrphans, killDescendants } from "./descendants.js";
import { restoreFileLimit, USUAL_FILES } from "./file-limit.js";
import { guestFilter } from "./guest-filter.js";
import type { Launch, Launched } from "./launcher.js";
import { native } from "./native.js";
import type { FdOffsets } from "./recorded/numbers.js";
import { filterRefusal, obstacle } from "./refusal.js";
import { forwardSignals } from "./signals.js";
import { Supervisor } from "./supervisor.js";
import { MARK, Watchdog } from "./watchdog.js";

export interface ProgramOptions {
	readonly sim: Sim;
	/** what is put around the kernel, such as a recording */
	wrap(kernel: Kernel): Kernel;
	/** set if `wrap` adds a recording: where structs have descriptors, by the request */
	readonly fdOffsets: FdOffsets | undefined;
	/** reads, writes and mappings stop on every descriptor, not only on those of the range of simulated files */
	readonly anyDescriptor: boolean;
	/** takes a line for the user, about what the program cannot be answered */
	note(line: string): void;
	/** looked up in PATH if it has no slash */
	readonly program: string;
	readonly args: readonly string[];
	readonly cwd: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** the file of launcher.ts once it is built */
	readonly launcher: URL;
	/** called once the program runs */
	started(running: Running): void;
}

/** A program that runs. */
export interface Running {
	readonly pid: number;
	/** To be called when something other than a program may have changed the kernel's state. */
	refresh(): void;
	/** Ends it, and everything that it started. */
	kill(): void;
}

/** How a program ended, or why it did not start. */
export type Ended = { readonly code: number } | { readonly signal: NodeJS.Signals } | { readonly failed: string };

/** @throws EnvironmentError where programs cannot be run so */
export async function runProgram(options: ProgramOptions): Promise<Ended> {
	const calls = native();
	const wrong = obstacle(calls, release());
	if (wrong !== undefined) throw new EnvironmentError(...wrong);
	// Threads for waiting are started here and now: those that a filtered thread starts are filtered too.
	await calls.callLater("close", -1);
	adoptOrphans(calls);
	const mark = `${process.pid}x${process.hrtime.bigint().toString(36)}`;
	const watchdog = new Watchdog(mark);
	const spared = new Set([process.pid, ...(watchdog.pid === undefined ? [] : [watchdog.pid])]);
	const shared = new SharedArrayBuffer(4);
	const launch: Launch = {
		filter: guestFilter(calls.arch, options.anyDescriptor),
		program: options.program,
		args: options.args,
		cwd: options.cwd,
		env: { ...definedOf(options.env), [MARK]: mark },
		listener: shared,
	};
	let pid: number | undefined;
	let killed = false;
	const kill = (): void => {
		killed = true;
		killDescendants(calls, spared, pid);
	};
	const stopForwarding = forwardSignals(() => pid, killsOnAgain(kill));
	const worker = new Worker(options.launcher, { workerData: launch });
	try {
		const listener = await listening(worker, new Int32Array(shared));
		const supervisor = new Supervisor({
			native: calls,
			listener,
			sim: options.sim,
			wrap: options.wrap,
			fdOffsets: options.fdOffsets,
			anyDescriptor: options.anyDescriptor,
			note: options.note,
			onProcess: (each, there) => (there ? watchdog.began(each) : watchdog.ended(each)),
		});
		const served = supervisor.run();
		const ended = new Promise<Ended>((resolve, reject) => {
			worker.on("error", reject);
			worker.on("message", (said: Launched) => {
				if ("started" in said) {
					pid = said.started;
					restoreFileLimit(calls, pid, USUAL_FILES);
					options.started({ pid, refresh: () => supervisor.refresh(), kill });
				} else if ("failed" in said) resolve(said);
				else resolve(said.signal === null ? { code: said.code ?? 0 } : { signal: said.signal });
			});
		});
		// A bug in serving must not leave programs that wait for ever.
		const result = await Promise.race([ended, served.then(() => ended)]).catch((error) => {
			kill();
			throw error;
		});
		// What it left running ends with it, as with a container's first process.
		for (let round = 0; killDescendants(calls, spared, pid) > 0 && round < 100; round++) await setTimeout(5);
		await Promise.all([worker.terminate(), served]);
		return killed && "code" in result ? { signal: "SIGKILL" } : result;
	} finally {
		stopForwarding();
		watchdog.dismiss();
	}
}

/** Waits until the filter is there. Its listener's number. @throws EnvironmentError */
async function listening(worker: Worker, shared: Int32Array): Promise<number> {
	let failed: unknown;
	worker.once("error", (error) => {
		failed = error;
	});
	for (;;) {
		const value = Atomics.load(shared, 0);
		if (value > 0) return value - 1;
		if (value < 0) throw filterRefusal(-value);
		if (failed !== undefined) throw failed;
		// Not by waiting for a message: its thread may stop in a call before it is sent.
		await setTimeout(1);
	}
}

/** ms */
const AGAIN = 500;

function definedOf(env: ProgramOptions["env"]): Record<string, string> {
	return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Whoever asks for the end again later means it; at once it is the same signal, sent to a whole group. */
function killsOnAgain(kill: () => void): (signal: NodeJS.Signals) => boolean {
	let terminated = Number.POSITIVE_INFINITY;
	return (signal) => {
		if (signal !== "SIGTERM") return false;
		if (performance.now() - terminated > AGAIN) {
			kill();
			return true;
		}
		terminated = Math.min(terminated, performance.now());
		return false;
	};
}
