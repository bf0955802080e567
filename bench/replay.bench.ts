/** Benchmark: replaying the golden traces on the simulated kernel. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createSim } from "../src/sim/index.js";
import { replayFiles } from "../src/trace/index.js";
import type { BenchRow } from "./row.js";

const golden = "test/fixtures/golden";

/** Replays the golden traces on the simulated kernel, including reading the files. */
export async function run(): Promise<BenchRow[]> {
	const files = readdirSync(golden).filter((name) => name.endsWith(".gz"));
	const start = performance.now();
	const before = process.cpuUsage();
	const report = await replayFiles(
		files.map((name) => join(golden, name)),
		{ kernel: (header) => () => createSim({ header }).newProcess(), max: 0 },
	);
	const seconds = (performance.now() - start) / 1000;
	const { user, system } = process.cpuUsage(before);
	return [
		{ name: `${report.steps} recorded answers, first run`, value: report.steps / seconds, unit: "answers/s", limit: "at least 100,000" },
		{ name: "CPU time per answer, all threads", value: (user + system) / report.steps, unit: "µs" },
		{ name: "memory afterwards", value: process.memoryUsage().rss / 2 ** 20, unit: "MiB", limit: "below 1,024" },
	];
}
