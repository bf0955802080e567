/** Benchmark: what a round of a race costs beside its calls. */
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { createSharedMemory, openRealKernel, openSharedMemory } from "../src/kernel/real/index.js";
import { type Call, type Led, type LitmusTest, lead, type RacerData, race, sharedSize } from "../src/litmus/index.js";
import type { BenchRow } from "./row.js";

const IOMMU_IOAS_MAP = 0x3b85;
const SIZE = 40;
const BURST = 2000;
const BURSTS = 40;
/** ms; two threads need two CPUs, so on a busy machine the best window counts. */
const TIME = 4000;
const WINDOW = 20;

/** Made on no file: they fail at once, so that only the cost of calling remains. */
const map = (line: number): Call => ({
	op: "ioctl",
	line,
	file: 0,
	request: IOMMU_IOAS_MAP,
	name: "IOMMU_IOAS_MAP",
	bytes: Uint8Array.of(SIZE, ...new Array(SIZE - 1).fill(0)),
	puts: [],
	takes: [],
});

/** The setup opens a file, as it opens /dev/iommu in most tests. */
function testOf(opens: boolean, names = ["a", "b"]): LitmusTest {
	const part = (name: string, calls: Call[]) => ({ name, lines: calls.map(({ line }) => ({ line, source: "" })), calls });
	const open: Call = { op: "open", line: 0, path: "/dev/null", makes: 1, puts: [], takes: [] };
	return {
		file: "bench",
		about: "",
		setup: part("setup", opens ? [open] : []),
		threads: names.map((name) => part(name, [map(0), map(1)])),
		finally: part("finally", []),
		slots: ["none", "null"].map((name) => ({ name, kind: "file" })),
		setupSlots: 2,
	};
}

interface Other extends RacerData {
	readonly fd: number;
	readonly size: number;
}

export async function run(): Promise<BenchRow[]> {
	if (!isMainThread) {
		const { fd, size, ...data } = workerData as Other;
		const { bytes, ...signal } = openSharedMemory(fd, size);
		race(data, bytes, signal, () => openRealKernel());
		return [];
	}
	const kernel = openRealKernel();
	const struct = map(0).bytes as Uint8Array;
	const calls = best(() => {
		for (let call = 0; call < 4; call++) kernel.ioctl(-1, IOMMU_IOAS_MAP, struct);
	});
	const opened = best(() => kernel.close(kernel.open("/dev/null")));
	return [
		row("a round of one thread of two calls, opening a file", await raced(testOf(true, ["a"])), "these calls alone", calls / 2 + opened),
		row("a round of two threads of two calls", await raced(testOf(false)), "the four calls alone, in one thread", calls),
		row("the same with a file that the setup opens", await raced(testOf(true)), "these calls alone", calls + opened),
	];
}

function row(name: string, { value, rate }: { value: number; rate: number }, baseline: string, against: number): BenchRow {
	return {
		name: `${name} (${Math.round(rate).toLocaleString("en")} rounds/s)`,
		value,
		unit: "us",
		baseline: { name: baseline, value: against },
		limit: "50,000 rounds/s on two idle cores (20 us)",
	};
}

/** Microseconds, in the best of many bursts. */
function best(make: () => void): number {
	let least = Number.POSITIVE_INFINITY;
	for (let n = 0; n < BURSTS; n++) {
		const start = performance.now();
		for (let i = 0; i < BURST; i++) make();
		least = Math.min(least, ((performance.now() - start) * 1000) / BURST);
	}
	return least;
}

/** The best of many short windows. */
async function raced(test: LitmusTest): Promise<{ value: number; rate: number }> {
	const size = sharedSize(test);
	const { fd, bytes, ...signal } = createSharedMemory(size);
	const other: Other = { test, thread: 1, crowded: false, fd, size };
	const worker = test.threads.length > 1 ? new Worker(fileURLToPath(import.meta.url), { workerData: other }) : undefined;
	const ended = new Promise((resolve) => (worker ? worker.once("exit", resolve) : resolve(0)));
	let value = Number.POSITIVE_INFINITY;
	let from = { at: performance.now(), rounds: 0 };
	const led: Led = lead(test, bytes, signal, openRealKernel(), {
		rounds: Number.POSITIVE_INFINITY,
		time: TIME,
		seed: 1,
		thread: 0,
		crowded: false,
		every: WINDOW,
		sofar(_, rounds) {
			const at = performance.now();
			value = Math.min(value, ((at - from.at) * 1000) / (rounds - from.rounds));
			from = { at, rounds };
		},
	});
	await ended;
	if (led.outcomes.length !== 1) throw new Error("a call answered something other than EBADF");
	return { value, rate: 1e6 / value };
}
