/** Runs a program on a simulated kernel, to its end. */
import { release } from "node:os";
import { setTimeout } from "node:timers/promises";
import { EnvironmentError } from "../kernel/environment-error.js";
import type { Kernel } from "../kernel/kernel.js";
import type { Sim } from "../sim/index.js";
import { adoptOrphans, killDescendants } from "./descendants.js";
import { restoreFileLimit, USUAL_FILES } from "./file-limit.js";
import { guestFilter } from "./guest-filter.js";
import type { Launch } from "./launcher.js";
import { native } from "./native.js";
import type { FdOffsets } from "./recorded/numbers.js";
import { obstacle } from "./refusal.js";
import { forwardSignals } from "./signals.js";
import { processStarter, threadStarter } from "./starter.js";
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
	const launch: Launch = {
		filter: guestFilter(calls.arch, options.anyDescriptor),
		program: options.program,
		args: options.args,
		cwd: options.cwd,
		env: { ...definedOf(options.env), [MARK]: mark },
	};
	let pid: number | undefined;
	let killed = false;
	const kill = (): void => {
		killed = true;
		killDescendants(calls, spared, pid);
	};
	const signals = forwardSignals(killsOnAgain(kill));
	const { launcher, anyDescriptor } = options;
	const starter = anyDescriptor ? processStarter(calls, launcher, launch) : threadStarter(launcher, launch);
	if (starter.pid !== undefined) {
		spared.add(starter.pid);
		watchdog.began(starter.pid);
	}
	try {
		const listener = await starter.listener().catch((error) => {
			void starter.end();
			throw error;
		});
		const supervisor = new Supervisor({
			native: calls,
			listener,
			sim: options.sim,
			wrap: options.wrap,
			fdOffsets: options.fdOffsets,
			anyDescriptor,
			note: options.note,
			onProcess: (each, there) => (there ? watchdog.began(each) : watchdog.ended(each)),
		});
		const served = supervisor.run();
		const ended = new Promise<Ended>((resolve, reject) => {
			starter.on((said) => {
				if ("started" in said) {
					pid = said.started;
					restoreFileLimit(calls, pid, USUAL_FILES);
					signals.started(pid);
					options.started({ pid, refresh: () => supervisor.refresh(), kill });
				} else if ("failed" in said) resolve(said);
				else if ("code" in said) resolve(said.signal === null ? { code: said.code ?? 0 } : { signal: said.signal });
			}, reject);
		});
		starter.go();
		// A bug in serving must not leave programs that wait for ever.
		const result = await Promise.race([ended, served.then(() => ended)]).catch((error) => {
			kill();
			throw error;
		});
		// What it left running ends with it, as with a container's first process.
		for (let round = 0; killDescendants(calls, spared, pid) > 0 && round < 100; round++) await setTimeout(5);
		await Promise.all([starter.end(), served]);
		return killed && "code" in result ? { signal: "SIGKILL" } : result;
	} finally {
		signals.stop();
		watchdog.dismiss();
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
