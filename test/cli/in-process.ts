/** Runs command lines of the built iommuctl in a thread, and waits for each: no process starts. */
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";

const bin = fileURLToPath(new URL("../../bin/iommuctl.js", import.meta.url));
const script = new URL("in-process-worker.mjs", import.meta.url);
/** Longer than any command takes, in ms; vitest cannot interrupt the wait. */
const PATIENCE = 60_000;

interface Line {
	readonly input: string | Uint8Array;
	readonly env: NodeJS.ProcessEnv;
	readonly cwd: string;
}

interface Done {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

interface Thread {
	readonly port: MessagePort;
	/** becomes 1 with each answer */
	readonly turn: Int32Array;
	end(): void;
}

/** By the headers that they have taken: these hold for a whole thread. */
const threads = new Map<string, Thread>();

/** @throws Error for what a process would die of */
export function inProcess(argv: readonly string[], line: Line): Done {
	const headers = line.env.IOMMUCTL_UAPI_FILE ? `${line.cwd}:${line.env.IOMMUCTL_UAPI_FILE}` : "";
	const thread = threads.get(headers) ?? start();
	threads.set(headers, thread);
	const { port, turn } = thread;
	Atomics.store(turn, 0, 0);
	port.postMessage({ argv, ...line });
	// The call that wakes may be the one for the answer before, whose message was there already.
	while (Atomics.load(turn, 0) === 0) if (Atomics.wait(turn, 0, 0, PATIENCE) === "timed-out") return gone(`no answer in ${PATIENCE} ms`);
	const done = receiveMessageOnPort(port)?.message as Done | { died: string };
	return "died" in done ? gone(done.died) : done;

	function gone(why: string): never {
		thread.end();
		threads.delete(headers);
		throw new Error(`iommuctl ${argv.join(" ")}: ${why}`);
	}
}

function start(): Thread {
	const { port1: port, port2 } = new MessageChannel();
	const turn = new Int32Array(new SharedArrayBuffer(4));
	const worker = new Worker(script, { workerData: { bin, port: port2, turn }, transferList: [port2], env: process.env, execArgv: [] });
	worker.unref();
	port.unref();
	return { port, turn, end: () => void worker.terminate() };
}

/** Whether this command line works only in a process of its own. */
export function needsProcess(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
	const own = argv.indexOf("--");
	const words = own < 0 ? argv : argv.slice(0, own);
	if (words[0] === "exec" || words[0] === "record") return true;
	if (words[0] === "session" && ["start", "exec"].includes(words[1])) return true;
	const options = words.map((word, at) => (word.startsWith("--") && !word.includes("=") ? `${word}=${words[at + 1]}` : word));
	if (options.some((word) => /^--(?:uapi-file=|kernel=real$)/.test(word))) return true;
	return Boolean(env.IOMMUCTL_SESSION);
}
