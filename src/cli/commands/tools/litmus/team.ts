/** The threads and processes that race on the real kernel. */
import { closeSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { createSharedMemory, type Started, startProcess } from "../../../../kernel/real/index.js";
import {
	type Counted,
	type LeadOptions,
	type Led,
	type LitmusTest,
	type Raced,
	setupMemory,
	sharedSize,
	watchRace,
} from "../../../../litmus/index.js";
import { ownThread } from "../../../frame/own-thread.js";
import type { ProcessData } from "../../../litmus-process.js";
import type { FollowerData, LeaderData, Said } from "../../../litmus-thread.js";

/** A call that takes longer does not return, ms; iommufd itself waits a minute for users of an object. */
const PATIENCE = 90_000;

export interface TeamOptions {
	readonly options: Pick<LeadOptions, "rounds" | "time" | "seed">;
	readonly mark: boolean;
	/** for each thread one, in turn */
	readonly cpus?: readonly number[];
	readonly crowded: boolean;
	readonly tell: (rounds: number) => void;
}

/** Threads that race one test after another. */
export class Team {
	/** They start once, as loading takes longer than many rounds. */
	readonly #workers: Worker[] = [];

	async race(test: LitmusTest, { options, mark, cpus, crowded, tell }: TeamOptions): Promise<Raced> {
		const memory = setupMemory(test);
		const size = sharedSize(test);
		const { bytes, fd } = createSharedMemory(size);
		const shared = { fd, size };
		const { setup, threads, finally: last, slots, setupSlots } = test;
		const raceable = { setup, threads, finally: last, slots, setupSlots };
		const at = (thread: number) => ({ shared, memory, ...(cpus && { cpu: cpus[thread % cpus.length] }) });
		const leader = threads.findIndex(({ process }) => !process);
		const processes: Started[] = [];
		let workers = 1;
		for (const [thread, { process }] of threads.entries()) {
			if (thread === leader) continue;
			const data = { test: raceable, thread, crowded, ...at(thread) };
			if (process) {
				const started = startProcess("--litmus-process", [fd]);
				processes.push(started);
				started.channel.send(data satisfies ProcessData);
			} else this.#worker(workers++).postMessage({ role: "follow", ...data } satisfies FollowerData);
		}
		const first = this.#worker(0);
		let sofar: { outcomes: readonly Counted[]; rounds: number } = { outcomes: [], rounds: 0 };
		let heard: ((said: Said) => void) | undefined;
		let failed: ((error: unknown) => void) | undefined;
		const led = new Promise<Led>((resolve, reject) => {
			heard = (said) => {
				if ("led" in said) resolve(said.led);
				else sofar = said.sofar;
			};
			failed = reject;
			first.on("message", heard);
			first.on("error", failed);
		});
		const own = { ...options, crowded, ...(leader >= 0 && { thread: leader }) };
		first.postMessage({ role: "lead", test, options: own, mark, ...at(Math.max(leader, 0)) } satisfies LeaderData);
		try {
			const raced = await watchRace(raceable, bytes, led, { patience: PATIENCE, tell, sofar: () => sofar });
			for (const one of processes) {
				if (raced.hanging) process.kill(one.pid, "SIGKILL");
				one.channel.close();
				if (!raced.hanging) one.ended();
			}
			if (!raced.hanging) closeSync(fd);
			return raced;
		} finally {
			// Only these: Node listens to its workers too.
			if (heard) first.off("message", heard);
			if (failed) first.off("error", failed);
		}
	}

	async end(): Promise<void> {
		await Promise.all(this.#workers.map((worker) => worker.terminate()));
	}

	/** A thread that runs `runThread`. */
	#worker(number: number): Worker {
		this.#workers[number] ??= ownThread("--litmus-thread", { trackUnmanagedFds: false });
		return this.#workers[number];
	}
}
