/** What puts the filter on itself and starts the program, which inherits it: a thread or a process, built as a file of its own, dist/launcher.cjs. */
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { native } from "./native.js";

/** What it is given. */
export interface Launch {
	readonly filter: Uint8Array;
	readonly program: string;
	readonly args: readonly string[];
	readonly cwd: string;
	readonly env: Readonly<Record<string, string>>;
	/** for a thread: takes the listener's number + 1, or minus the errno */
	readonly listener?: SharedArrayBuffer;
}

/** What it says. */
export type Launched =
	| { readonly started: number }
	| { readonly failed: string }
	| { readonly code: number | null; readonly signal: NodeJS.Signals | null }
	/** a process could not make the filter: the errno */
	| { readonly refused: number };

const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
const NEW_LISTENER = 1 << 3;
const WAIT_KILLABLE_RECV = 1 << 5;
const EINVAL = 22;
/** Those that a terminal sends to all of its processes: the program sees to them. */
const NOT_OURS: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"];

function filtered({ filter }: Launch): number {
	const calls = native();
	const { bytes, view } = calls;
	const at = 0x4000;
	bytes.set(filter, at);
	view.setUint16(0, filter.length / 8, true);
	view.setBigUint64(8, calls.at(at), true);
	const failed = calls.call("prctl", PR_SET_NO_NEW_PRIVS, 1);
	if (failed < 0) return failed;
	const listener = calls.call("seccomp", SECCOMP_SET_MODE_FILTER, NEW_LISTENER | WAIT_KILLABLE_RECV, calls.address);
	// Before Linux 5.19 there is no WAIT_KILLABLE_RECV: then a signal may repeat a call.
	return listener === -EINVAL ? calls.call("seccomp", SECCOMP_SET_MODE_FILTER, NEW_LISTENER, calls.address) : listener;
}

function start(launch: Launch, say: (what: Launched) => void): void {
	const child = spawn(launch.program, launch.args, { cwd: launch.cwd, env: launch.env, stdio: "inherit" });
	if (child.pid !== undefined) say({ started: child.pid });
	child.on("error", ({ code, message }: NodeJS.ErrnoException) => say({ failed: code ?? message }));
	child.on("exit", (code, signal) => say({ code, signal }));
}

function asThread(launch: Launch, listenerAt: SharedArrayBuffer): void {
	const shared = new Int32Array(listenerAt);
	// From this call on this thread's own calls wait for answers, too: nothing may come between it and the next line.
	const listener = filtered(launch);
	Atomics.store(shared, 0, listener < 0 ? listener : listener + 1);
	if (listener < 0) return;
	start(launch, (what) => parentPort?.postMessage(what));
	// The thread stays until it is ended: a program may ask for a signal when the thread that started it is gone.
	parentPort?.on("message", () => {});
}

/** Is told first what to start, and then that whoever started this process has the listener. */
function asProcess(): void {
	for (const signal of NOT_OURS) process.on(signal, () => {});
	process.on("disconnect", () => process.exit());
	process.once("message", (launch: Launch) => {
		const say = (what: Launched): void => {
			process.send?.(what);
		};
		process.once("message", () => {
			closeSync(listener);
			start(launch, say);
		});
		const listener = filtered(launch);
		if (listener < 0) say({ refused: -listener });
	});
}

if (parentPort === null) asProcess();
else asThread(workerData as Launch, (workerData as Launch).listener as SharedArrayBuffer);
