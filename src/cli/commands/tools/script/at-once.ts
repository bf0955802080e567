/** Blocks of a script that run at the same time: a thread of this process each, on the real kernel. */
import type { Worker } from "node:worker_threads";
import type { ProgramState } from "../../../../kernel/real/index.js";
import type { Block } from "../../../../script/index.js";
import type { Context } from "../../../frame/context.js";
import { type Held, mergeHeld } from "../../../frame/context-state.js";
import { type End, endOf, type Io } from "../../../frame/io.js";
import type { KernelHandle, RealProgram } from "../../../frame/kernel-choice.js";
import { ownThread } from "../../../frame/own-thread.js";
import type { TrackerState } from "../../../graph/track.js";
import type { RunOptions } from "./options.js";
import type { Branch, Place } from "./runner.js";

/** What a thread works on a copy of. */
export interface BranchState {
	readonly held: Held;
	/** of other open /dev/iommu, by file */
	readonly others: ReadonlyMap<number, Held>;
	readonly program: ProgramState;
	readonly tracker: TrackerState;
}

/** What a thread is started with. */
export interface BranchData {
	readonly branch: Block;
	/** which of the blocks it is, from 0 */
	readonly number: number;
	readonly state: BranchState;
	/** the open /dev/iommu */
	readonly fd?: number;
	readonly marked: boolean;
	readonly assigned: ReadonlySet<string>;
	readonly depth: number;
	readonly cleaning: boolean;
	readonly options: Pick<RunOptions, "keepGoing" | "json" | "quiet" | "color" | "within" | "bare" | "seed">;
	/** whether output is coloured */
	readonly levels: { readonly out: 0 | 1; readonly err: 0 | 1 };
	readonly io: Pick<Io, "cwd" | "env"> & { readonly ends: readonly End[] };
	/** headers of `--uapi-file` */
	readonly headers: readonly string[];
	/** word 0: 1 when all threads may begin; word 1: how much of what it has printed is out */
	readonly words: SharedArrayBuffer;
}

export type Piece = readonly [end: "stdout" | "stderr", text: string | Uint8Array];

/** What a thread says. */
export type BranchSaid =
	| { readonly ready: true }
	/** what it has printed since the last time; to go out now if `flush` counts it: then the thread waits for that */
	| { readonly printed: readonly Piece[]; readonly flush?: number }
	| { readonly ended: Branch; readonly state: BranchState };

/** How long commands of others wait in a session, ms */
const BREATH = 20;

/** Runs blocks at once. Ends when all have ended, and then knows what they have made and named. */
export async function runAtOnce(
	branches: readonly Block[],
	place: Place,
	handle: KernelHandle,
	assigned: ReadonlySet<string>,
): Promise<Branch[]> {
	const { options } = place;
	const { context, io } = options;
	// All have the same one, so it is opened before. Where there is none, a line that needs it says so.
	await context.iommu().catch(() => {});
	const program = handle.program as RealProgram;
	const before = stateOf(context, program);
	const { takenUapiFiles } = await import("../../../frame/uapi-files.js");
	const common = {
		state: before,
		fd: context.openIommu,
		marked: program.marked === true,
		assigned,
		depth: place.depth,
		cleaning: place.cleaning === true,
		options: picked(options),
		levels: { out: options.out.level, err: options.err.level },
		io: { cwd: io.cwd, env: { ...io.env }, ends: [endOf(io.stdout), endOf(io.stderr)] },
		headers: takenUapiFiles(),
	};
	const threads = branches.map((branch, number) => {
		const words = new SharedArrayBuffer(8);
		return new Thread({ ...common, branch, number, words }, io);
	});
	try {
		await Promise.all(threads.map(({ ready }) => ready));
		for (const thread of threads) thread.begin();
		const all = Promise.all(threads.map(({ ended }) => ended));
		const ended = io.sharing ? await breathing(all, io.sharing) : await all;
		for (const { state } of ended) merge(context, program, before, state);
		return ended.map(({ ended: branch }) => branch);
	} finally {
		await Promise.all(threads.map((thread) => thread.stop()));
	}
}

/** Lets the other commands of a session go on meanwhile. @throws if the command is cancelled */
async function breathing<T>(all: Promise<T>, sharing: NonNullable<Io["sharing"]>): Promise<T> {
	let over = false;
	const watched = all.finally(() => {
		over = true;
	});
	watched.catch(() => {});
	while (!over) await sharing.pause(BREATH);
	return await watched;
}

const picked = ({ keepGoing, json, quiet, color, within, bare, seed }: RunOptions): BranchData["options"] => ({
	keepGoing,
	json,
	quiet,
	color,
	within,
	bare,
	seed,
});

/** What a context's program has now, as a copy. */
export function stateOf(context: Context, { kernel, tracker }: RealProgram): BranchState {
	const others = new Map([...context.others].map(([fd, { held }]) => [fd, held]));
	return structuredClone({ held: context.held, others, program: kernel.state(), tracker: tracker.state() });
}

function merge(context: Context, { kernel, tracker }: RealProgram, before: BranchState, after: BranchState): void {
	mergeHeld(context.held, before.held, after.held);
	for (const [fd, held] of after.others) mergeHeld(context.onFile(fd).held, before.others.get(fd) ?? before.held, held);
	kernel.merge(before.program, after.program);
	tracker.merge(before.tracker, after.tracker);
}

class Thread {
	readonly ready: Promise<void>;
	readonly ended: Promise<Extract<BranchSaid, { ended: Branch }>>;
	readonly #worker: Worker;
	readonly #words: Int32Array;

	constructor(data: BranchData, io: Io) {
		this.#words = new Int32Array(data.words);
		const worker = ownThread("--script-thread", {
			workerData: data,
			// Files are opened and closed by whichever thread comes first.
			trackUnmanagedFds: false,
		});
		this.#worker = worker;
		let isReady = (): void => {};
		this.ready = new Promise<void>((resolve, reject) => {
			isReady = resolve;
			worker.on("error", reject);
		});
		this.ready.catch(() => {});
		this.ended = new Promise((resolve, reject) => {
			worker.on("error", reject);
			worker.on("message", (said: BranchSaid) => {
				if ("printed" in said) this.#print(io, said);
				else if ("ended" in said) resolve(said);
				else isReady();
			});
		});
		this.ended.catch(() => {});
	}

	begin(): void {
		Atomics.store(this.#words, 0, 1);
		Atomics.notify(this.#words, 0);
	}

	async stop(): Promise<void> {
		await this.#worker.terminate();
	}

	#print(io: Io, { printed, flush }: Extract<BranchSaid, { printed: unknown }>): void {
		for (const [end, text] of printed) io[end].write(text);
		if (flush === undefined) return;
		io.stdout.flush?.();
		io.stderr.flush?.();
		Atomics.store(this.#words, 1, flush);
		Atomics.notify(this.#words, 1);
	}
}
