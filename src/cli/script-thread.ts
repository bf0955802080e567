/** A thread that runs one block of `parallel` on the real kernel, while the others' run. */
import { parentPort, workerData } from "node:worker_threads";
import { type BranchData, type BranchSaid, type Piece, stateOf } from "./commands/tools/script/at-once.js";
import { numbered } from "./commands/tools/script/parallel.js";
import { runBranch } from "./commands/tools/script/runner.js";
import { commandLine } from "./execute.js";
import { palette } from "./frame/colour.js";
import { Context } from "./frame/context.js";
import { fillHeld } from "./frame/context-state.js";
import { UsageError } from "./frame/exit.js";
import type { Io, Sink } from "./frame/io.js";
import type { KernelHandle, RealProgram } from "./frame/kernel-choice.js";
import { markedAs } from "./frame/mark.js";
import { useUapiFiles } from "./frame/uapi-files.js";

const say = (said: BranchSaid): void => parentPort?.postMessage(said);

/** Runs the block that the thread was started with. */
export async function runScriptThread(): Promise<void> {
	const data = workerData as BranchData;
	const { branch, number, state, assigned, depth, cleaning, options, levels } = data;
	const words = new Int32Array(data.words);
	const io = ioOf(data, words);
	if (data.headers.length > 0) useUapiFiles({ files: data.headers, quiet: true }, { cwd: data.io.cwd }, () => {});
	let program: RealProgram | undefined;
	const context = new Context("real", data.fd, { cwd: data.io.cwd }, async (handle) => {
		program = handle.program as RealProgram;
		program.kernel.become(state.program);
		program.tracker.merge({ contexts: new Map(), devices: new Map() }, state.tracker);
		return data.marked ? markedAs(handle, `${number + 1}`) : handle;
	});
	context.announced = true;
	fillHeld(context.held, state.held);
	for (const [fd, held] of state.others) fillHeld(context.onFile(fd).held, held);
	const handle: KernelHandle = await context.handle();
	// `expect no warning` holds from here on.
	if (!data.marked) logFromNow(handle);
	const out = numbered(await palette(levels.out), number);
	const err = await palette(levels.err);
	say({ ready: true });
	Atomics.wait(words, 0, 0);
	const ended = await runBranch(branch, assigned, {
		options: { ...options, commandLine, io, context, out, err, label: out.faint(`${number + 1}`) },
		depth,
		cleaning,
	});
	io.stdout.flush?.();
	say({ ended, state: stateOf(context, program as RealProgram) });
}

/** Its log may be one that cannot be read here: then `expect no warning` says so. */
function logFromNow({ beginLog }: KernelHandle): void {
	try {
		beginLog?.();
	} catch {
		// No line of the block may need it.
	}
}

/** Output is held until it has to be out. */
const MOST = 1 << 16;

/** Output goes to the thread that started this one, an answer in one piece. */
function ioOf({ io: { cwd, env, ends } }: BranchData, words: Int32Array): Io {
	let flushes = 0;
	let held = 0;
	let printed: Piece[] = [];
	const send = (flush?: number): void => {
		say({ printed, ...(flush !== undefined && { flush }) });
		printed = [];
		held = 0;
	};
	const flush = (): void => {
		if (printed.length === 0) return;
		send(++flushes);
		// A line is out before its call is made.
		while (Atomics.load(words, 1) < flushes) Atomics.wait(words, 1, flushes - 1);
	};
	const [stdout, stderr] = (["stdout", "stderr"] as const).map(
		(end, at): Sink => ({
			...ends[at],
			write(text) {
				printed.push([end, text]);
				held += text.length;
				if (held > MOST) send();
			},
			flush,
		}),
	);
	const stdin = {
		async readAll(): Promise<Uint8Array> {
			throw new UsageError("stdin cannot be read in a block of `parallel` on the real kernel", "read it before, or give a file");
		},
	};
	return { cwd, env, stdout, stderr, stdin };
}
