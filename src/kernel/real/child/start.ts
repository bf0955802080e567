/** Starts processes of iommuctl that have this one's files. */
import type { ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { EnvironmentError } from "../../environment-error.js";
import { DATA } from "../arena.js";
import type { Libc } from "../libc.js";
import { system } from "../system.js";
import { Channel } from "./channel.js";

const O_CLOEXEC = 0o2000000;
const P_PID = 1;
const WEXITED = 4;
const WNOWAIT = 0x1000000;
const PR_SET_PTRACER = 0x59616d61;

/** A process that was started here. */
export interface Started {
	readonly pid: number;
	readonly channel: Channel;
	/** Returns when it has ended, and its files and memory are gone. */
	ended(): void;
}

/**
 * Starts this program again.
 * @param mode its first word on the command line: `main` of the bundle knows it; two numbers follow, the channel's files
 * @param files open files that it gets under the same numbers
 * @throws EnvironmentError
 */
export function startProcess(mode: string, files: readonly number[]): Started {
	// Loading this takes a while, and few commands need it.
	const { spawn } = createRequire(import.meta.url)("node:child_process") as typeof import("node:child_process");
	const { libc } = system();
	const [ours, theirs] = channels(libc);
	const inherited = [...files, theirs.from, theirs.to];
	const stdio: ("ignore" | number)[] = ["ignore", "ignore", 2];
	while (stdio.length <= Math.max(...inherited)) stdio.push("ignore");
	for (const fd of inherited) stdio[fd] = fd;
	const bundle = fileURLToPath(import.meta.url);
	const program = `require(${JSON.stringify(bundle)}).main(${JSON.stringify([mode, `${theirs.from}`, `${theirs.to}`])})`;
	const child: ChildProcess = spawn(process.execPath, ["-e", program], { stdio });
	theirs.close();
	// A process that cannot be started is reported later by Node; here it is one without a number.
	child.on("error", () => {});
	const { pid } = child;
	if (pid === undefined) {
		ours.close();
		throw new EnvironmentError("another process cannot be started", "check this shell's limits (ulimit -u and -n)");
	}
	child.unref();
	// Where a Linux lets only parents look into their children: the child gets files and memory from here.
	libc.call("prctl", PR_SET_PTRACER, pid, 0, 0, 0);
	return { pid, channel: ours, ended: () => waitFor(libc, pid) };
}

/** Node reaps it: only its end is waited for. */
function waitFor(libc: Libc, pid: number): void {
	const { arena } = system();
	libc.call("waitid", P_PID, pid, arena.address + BigInt(DATA), WEXITED | WNOWAIT);
}

/** Two ends of two pipes: this process's, and the child's. */
function channels(libc: Libc): [Channel, Channel] {
	const [down, up] = [pipe(libc), pipe(libc)];
	return [new Channel(up.read, down.write), new Channel(down.read, up.write)];
}

function pipe(libc: Libc): { read: number; write: number } {
	const { arena } = system();
	const ends = new DataView(arena.bytes.buffer, arena.bytes.byteOffset + DATA, 8);
	const ret = libc.call("pipe2", arena.address + BigInt(DATA), O_CLOEXEC);
	if (ret < 0)
		throw new EnvironmentError(`no pipe to another process: errno ${-ret}`, "check this shell's limit of open files (ulimit -n)");
	return { read: ends.getInt32(0, true), write: ends.getInt32(4, true) };
}
