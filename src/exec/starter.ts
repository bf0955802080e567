/** Starts a program with the filter on it, by what launcher.ts is: a thread of this process, or a process of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Launch, Launched } from "./launcher.js";
import type { Native } from "./native.js";
import { filterRefusal } from "./refusal.js";

export interface Starter {
	/** of the process, if it is one */
	readonly pid?: number;
	/** Its filter's listener, once it is there. @throws EnvironmentError */
	listener(): Promise<number>;
	/** What it says, until its end. */
	on(said: (what: Launched) => void, failed: (error: unknown) => void): void;
	/** The listener is served now. */
	go(): void;
	/** Ends it. */
	end(): Promise<unknown>;
}

/** A thread: quick, but no call of the filter may stop while a lock of this process is held, as writes do between threads. */
export function threadStarter(file: URL, launch: Launch): Starter {
	const shared = new SharedArrayBuffer(4);
	const worker = new Worker(file, { workerData: { ...launch, listener: shared } satisfies Launch });
	let wrong: unknown;
	worker.on("error", (error) => {
		wrong = error;
	});
	return {
		async listener() {
			for (;;) {
				const value = Atomics.load(new Int32Array(shared), 0);
				if (value > 0) return value - 1;
				if (value < 0) throw filterRefusal(-value);
				if (wrong !== undefined) throw wrong;
				// Not by waiting for a message: its thread may stop in a call before it is sent.
				await setTimeout(1);
			}
		},
		on(said, failed) {
			worker.on("error", failed);
			worker.on("message", said);
		},
		go() {},
		end: () => worker.terminate(),
	};
}

/** A process, for filters that stop everything. */
export function processStarter(native: Native, file: URL, launch: Launch): Starter {
	const child = fork(fileURLToPath(file), { serialization: "advanced", execArgv: [], stdio: ["inherit", "inherit", "inherit", "ipc"] });
	const { pid } = child;
	if (pid === undefined) throw new Error("the launcher cannot be started");
	let refused: number | undefined;
	let over = false;
	child.on("message", (what: Launched) => {
		if ("refused" in what) refused = what.refused;
	});
	child.on("exit", () => {
		over = true;
	});
	child.send(launch);
	return {
		pid,
		async listener() {
			for (;;) {
				if (refused !== undefined) throw filterRefusal(refused);
				if (over) throw new Error("the launcher has ended");
				const found = fetchListener(native, pid);
				if (found !== undefined) return found;
				await setTimeout(1);
			}
		},
		on(said, failed) {
			child.on("message", said);
			child.on("error", failed);
			child.on("exit", () => failed(new Error("the launcher has ended")));
		},
		go: () => child.send("go"),
		end: () => ended(child),
	};
}

function ended(child: ChildProcess): Promise<unknown> {
	if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
	const end = new Promise((resolve) => child.once("exit", resolve));
	child.disconnect();
	return end;
}

/** A copy of the listener that another process has; undefined: it has none yet. */
function fetchListener(native: Native, pid: number): number | undefined {
	const folder = `/proc/${pid}/fd`;
	try {
		const fd = readdirSync(folder).find((name) => readlinkSync(`${folder}/${name}`) === "anon_inode:seccomp notify");
		if (fd === undefined) return undefined;
		const pidfd = native.call("pidfd_open", pid, 0);
		const own = native.call("pidfd_getfd", pidfd, Number(fd), 0);
		closeSync(pidfd);
		return own < 0 ? undefined : own;
	} catch {
		return undefined;
	}
}
