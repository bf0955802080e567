/** Benchmark: replaying the golden traces on the simulated kernel. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { createSim } from "../src/sim/index.js";
import { type KernelFactory, type ReplayReport, replayFiles } from "../src/trace/index.js";
import type { BenchRow } from "./row.js";

const golden = "test/fixtures/golden";
const files = readdirSync(golden)
	.filter((name) => name.endsWith(".gz"))
	.map((name) => join(golden, name));
const ROUNDS = 7;

/** Replays the golden traces on the simulated kernel, including reading the files, and compares with only reading them. */
export async function run(): Promise<BenchRow[]> {
	const parsed = await threadTime(parse);
	const before = process.cpuUsage();
	const start = performance.now();
	const first = await threadTime(replay);
	const seconds = (performance.now() - start) / 1000;
	const { user, system } = process.cpuUsage(before);
	const { steps } = first.result;
	const memory = process.memoryUsage().rss / 2 ** 20;
	let [warmReplay, warmParse] = [first.ms, parsed.ms];
	for (let round = 1; round < ROUNDS; round++) {
		warmParse = Math.min(warmParse, (await threadTime(parse)).ms);
		warmReplay = Math.min(warmReplay, (await threadTime(replay)).ms);
	}
	const name = "gunzip and JSON.parse of the same lines";
	return [
		{ name: `${steps} recorded answers, first run`, value: steps / seconds, unit: "answers/s", limit: "at least 100,000" },
		{ name: "CPU time per answer, all threads", value: (user + system) / steps, unit: "µs" },
		{ name: "time of the thread, first run", value: first.ms, unit: "ms", baseline: { name: `${name}, first run`, value: parsed.ms } },
		{
			name: `time of the thread, best of ${ROUNDS}`,
			value: warmReplay,
			unit: "ms",
			baseline: { name: `${name}, best of ${ROUNDS}`, value: warmParse },
			limit: "at most 4 times",
		},
		{ name: "memory afterwards", value: memory, unit: "MiB", limit: "below 1,024" },
	];
}

/** As `iommuctl replay` does it. */
function replay(): Promise<ReplayReport> {
	const kernel: KernelFactory = (header) => {
		const sim = createSim({ header });
		return () => sim.newProcess();
	};
	return replayFiles(files, { kernel, max: 0 });
}

function parse(): number {
	let lines = 0;
	for (const file of files) {
		for (const line of gunzipSync(readFileSync(file)).toString().split("\n")) {
			if (line === "") continue;
			JSON.parse(line);
			lines++;
		}
	}
	return lines;
}

/** Milliseconds that this thread ran: unlike the time on the clock, it does not count what else the machine does. */
async function threadTime<T>(work: () => T | Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
	const ran = () => Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
	const start = ran();
	const result = await work();
	return { ms: ran() - start, result };
}
