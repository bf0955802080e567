/** Races tests on the real kernel. */
import { readFileSync } from "node:fs";
import { type Exploration, explain, outcomeKey } from "../../../../litmus/index.js";
import type { Invocation } from "../../../frame/command.js";
import { progress } from "../../../frame/progress.js";
import { howLong } from "./how-long.js";
import type { Seen, SeenOutcome } from "./judge.js";
import { KernelLog } from "./kernel-log.js";
import { stages } from "./on-sim.js";
import type { ReadTest } from "./record.js";
import { Team } from "./team.js";

/** Orders that are tried to explain one outcome. */
const TRIES = 20_000;

export interface Racing {
	run(read: ReadTest, exploration: Exploration): Promise<Seen>;
	/** Ends its threads. */
	end(): Promise<void>;
}

/** @throws UsageError */
export function racing(inv: Invocation, { seed }: { readonly seed: number }): Racing {
	const { common, options, io } = inv;
	const { rounds, time } = howLong(options);
	const allowed = allowedCpus();
	const cpus = options.pin === true ? allowed : undefined;
	const team = new Team();
	return {
		async run(read, exploration) {
			const { test } = read;
			const log = new KernelLog();
			const bar = progress(io.stderr);
			const raced = await team.race(test, {
				options: { rounds, time, seed },
				mark: common.mark === true,
				cpus,
				crowded: allowed.length < test.threads.length,
				tell: (count) => bar.tell(`${test.file}: round ${count}`),
			});
			bar.end();
			const known = new Map(exploration.allowed.map((one) => [outcomeKey(one.outcome), one.order]));
			const outcomes = raced.outcomes.map(({ outcome, rounds: count, first }): SeenOutcome => {
				const order = known.get(outcomeKey(outcome));
				if (order !== undefined) return { outcome, explained: "yes", order, rounds: count };
				const found = explain(test, outcome, stages(inv, read), TRIES);
				if (found === undefined || found === "unknown") return { outcome, explained: found ?? "no", rounds: count, first };
				return { outcome, explained: "yes", ...found, rounds: count };
			});
			const { rounds: done, seconds, stuck, hanging } = raced;
			return { rounds: done, seconds, outcomes, ...log.findings(), stuck, hanging };
		},
		end: () => team.end(),
	};
}

/** The CPUs that this process may use. */
function allowedCpus(): number[] {
	const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
	return list.split(",").flatMap((part) => {
		const [first, last = first] = part.split("-").map(Number);
		return Array.from({ length: last - first + 1 }, (_, at) => first + at);
	});
}
