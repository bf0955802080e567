/** Races tests on the real kernel. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { openRealKernel } from "../../../../kernel/real/index.js";
import { type Exploration, explain, type LitmusTest, outcomeKey, runRace } from "../../../../litmus/index.js";
import { parseDuration } from "../../../../session/duration.js";
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import { progress } from "../../../frame/progress.js";
import { smallNumber } from "../../../frame/small-number.js";
import type { MemoryRange, ThreadData } from "../../../litmus-thread.js";
import type { Seen, SeenOutcome } from "./judge.js";
import { KernelLog } from "./kernel-log.js";
import { stages } from "./on-sim.js";
import type { ReadTest } from "./record.js";

const ROUNDS = 10_000;
/** A call that takes longer does not return, ms; iommufd itself waits a minute for users of an object. */
const PATIENCE = 90_000;
/** Orders that are tried to explain one outcome. */
const TRIES = 20_000;

export interface Racing {
	run(read: ReadTest, exploration: Exploration): Promise<Seen>;
	/** Ends its threads. */
	end(): Promise<void>;
}

/** @throws UsageError */
export function racing(inv: Invocation, { seed }: { readonly seed: number }): Racing {
	const { options, io } = inv;
	if (options.rounds !== undefined && options.time !== undefined) throw new UsageError("--rounds and --time cannot both be given");
	const time = options.time === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.time as string, "--time");
	const rounds =
		options.rounds === undefined
			? options.time === undefined
				? ROUNDS
				: Number.POSITIVE_INFINITY
			: smallNumber(options.rounds as string, "--rounds");
	const cpus = options.pin === true ? allowedCpus() : undefined;
	/** They start once, as loading takes longer than many rounds. */
	const workers: Worker[] = [];
	const hand = (thread: number, data: ThreadData): void => {
		workers[thread] ??= start();
		workers[thread].postMessage(data);
	};
	return {
		async run(read, exploration) {
			const { test } = read;
			const log = new KernelLog();
			const memory = memoryOf(test);
			const bar = progress(io.stderr);
			const raced = runRace(test, {
				fresh: openRealKernel,
				spawn: (data) => hand(data.thread, { ...data, memory, ...(cpus && { cpu: cpus[data.thread % cpus.length] }) }),
				rounds,
				time,
				seed,
				patience: PATIENCE,
				tell: (count) => bar.tell(`${test.file}: round ${count}`),
			});
			bar.end();
			const allowed = new Map(exploration.allowed.map((one) => [outcomeKey(one.outcome), one.order]));
			const outcomes = raced.outcomes.map(({ outcome, rounds: count }): SeenOutcome => {
				const order = allowed.get(outcomeKey(outcome));
				if (order !== undefined) return { outcome, explained: "yes", order, rounds: count };
				const found = explain(test, outcome, stages(inv, read), TRIES);
				if (found === undefined || found === "unknown") return { outcome, explained: found ?? "no", rounds: count };
				return { outcome, explained: "yes", ...found, rounds: count };
			});
			const { rounds: done, seconds, stuck, hanging } = raced;
			return { rounds: done, seconds, outcomes, ...log.findings(), stuck, hanging };
		},
		async end() {
			await Promise.all(workers.map((worker) => worker.terminate()));
		},
	};
}

/** A thread that runs `runThread`: the bundle once more, or in development the sources. */
function start(): Worker {
	const bundle = fileURLToPath(import.meta.url);
	return new Worker(`require(${JSON.stringify(bundle)}).main(["--litmus-thread"])`, { eval: true });
}

/** What the setup maps and the threads may change. */
function memoryOf({ setup }: LitmusTest): MemoryRange[] {
	return setup.calls.flatMap((call) =>
		call.op === "mmap"
			? [{ addr: call.addr as bigint, length: (BigInt(call.length as number) + 0xfffn) & -0x1000n, prot: call.prot as number }]
			: [],
	);
}

/** The CPUs that this process may use. */
function allowedCpus(): number[] {
	const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
	return list.split(",").flatMap((part) => {
		const [first, last = first] = part.split("-").map(Number);
		return Array.from({ length: last - first + 1 }, (_, at) => first + at);
	});
}
