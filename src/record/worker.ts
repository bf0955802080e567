/** The thread that starts the program and traces it: built as a file of its own, dist/recorder.cjs. Its event loop never runs. */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { restoreFileLimit } from "../exec/file-limit.js";
import { AT, type Native, native } from "../exec/native.js";
import { TraceWriter } from "../trace/index.js";
import type { Job } from "./job.js";
import { Recorder, type RecorderOptions } from "./recorder.js";
import { FileSink } from "./sink.js";
import { type TraceEnd, Tracer } from "./tracer.js";

const SIGCHLD = 17;
const SA_NOCLDSTOP = 1n;
const SIGSET_SIZE = 8;

/** What the thread is given. */
export interface Recorded extends RecorderOptions {
	readonly file: string;
	readonly header: Readonly<Record<string, unknown>>;
	readonly job: Job;
	readonly cwd: string;
	/** stub.ts, once it is built */
	readonly stub: string;
}

/** What the thread says. */
export type Said =
	| { readonly started: number }
	| { readonly refused: number }
	/** why the trace ends here; the program goes on */
	| { readonly unwritten: string }
	| { readonly end: TraceEnd; readonly programs: number; readonly unknown: number };

/** A file without a name that holds the text. Its descriptor. */
function fileOf(calls: Native, text: string): number {
	const fd = calls.call("memfd_create", calls.text("iommuctl-record"), 1);
	if (fd < 0) throw new Error(`memfd_create: errno ${-fd}`);
	const bytes = Buffer.from(text);
	for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done);
	return fd;
}

/**
 * Lets stops of children send no SIGCHLD to this process; their ends still do. Each recorded call stops twice, and a signal would run
 * libuv's handler and wake the main thread, and allocate in the program's context, where a program with fail-nth counts it.
 */
function quietStops(calls: Native): void {
	const at = calls.at(AT.data);
	if (calls.call("rt_sigaction", SIGCHLD, 0, at, SIGSET_SIZE) < 0) return;
	const flags = AT.data + 8;
	calls.view.setBigUint64(flags, calls.view.getBigUint64(flags, true) | SA_NOCLDSTOP, true);
	calls.call("rt_sigaction", SIGCHLD, at, 0, SIGSET_SIZE);
}

function record({ file, header, job, cwd, stub, ...options }: Recorded): void {
	const say = (what: Said): void => parentPort?.postMessage(what);
	const calls = native();
	const writer = new TraceWriter(file, header);
	const sink = new FileSink(writer, (code) => say({ unwritten: code }));
	const recorder = new Recorder(calls, options, sink);
	const given = fileOf(calls, JSON.stringify(job));
	const stdio = ["inherit", "inherit", "inherit", given] as const;
	// Its end is this tracer's to see: libuv never hears of it.
	const child = spawn(process.execPath, [stub], { cwd, env: {}, stdio: [...stdio] });
	calls.call("close", given);
	// libuv has installed its handler with the first child.
	quietStops(calls);
	const pid = child.pid as number;
	const tracer = new Tracer({
		native: calls,
		recorder,
		started() {
			restoreFileLimit(calls, pid);
			say({ started: pid });
		},
	});
	const refused = tracer.attach(pid);
	if (refused < 0) {
		calls.call("tgkill", pid, pid, 9);
		sink.close();
		say({ refused: -refused });
	} else {
		const end = tracer.run();
		sink.close();
		say({ end, programs: recorder.programs.count, unknown: recorder.unknown });
	}
	child.unref();
}

record(workerData as Recorded);
