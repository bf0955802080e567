#!/usr/bin/env node
// Makes random calls on the simulated kernel until something breaks: npm run soak [-- --calls N | --minutes N] [--seed N]
// It looks at the memory that is in use as it goes, and fails too if that keeps growing.
// A failure names its program: npm run soak -- --program N shows the shortest series of calls that leads to it.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { withBundle } from "./bundle-dev.mjs";

/** How often memory is looked at: about so many times, but not more often than once in so many seconds. */
const LOOKS = 40;
const SECONDS = 2;
/** With fewer looks than this there is no verdict. */
const FEWEST = 10;
/**
 * Memory grows if a line through the second half of the looks rises by more than this many MiB from its first to its last,
 * and by more than chance explains (so many standard errors).
 */
const GROWTH = 2;
const ERRORS = 3;

/** The memory in use after garbage collection, as it was every now and then. */
class Memory {
	#gc;
	#looks = [];
	#nextShare = 0;
	#nextSecond = 0;

	constructor() {
		setFlagsFromString("--expose-gc");
		this.#gc = runInNewContext("gc");
	}

	/** Looks at it, if that is due: after `seconds`, with this share of the work done. */
	look(seconds, share, calls) {
		if (share < this.#nextShare || seconds < this.#nextSecond) return;
		this.#nextShare = share + 1 / LOOKS;
		this.#nextSecond = seconds + SECONDS;
		for (let i = 0; i < 2; i++) this.#gc();
		const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
		const used = (heapUsed + arrayBuffers) / 2 ** 20;
		this.#looks.push({ calls, used });
		console.log(`${seconds.toFixed(0)} s, ${calls} calls: ${used.toFixed(2)} MiB in use, ${(rss / 2 ** 20).toFixed(0)} MiB resident`);
	}

	/** Says whether it grows, and answers that. */
	verdict() {
		const looks = this.#looks.slice(Math.floor(this.#looks.length / 2));
		if (this.#looks.length < FEWEST) {
			console.log(`memory: too short to tell (${this.#looks.length} looks, ${FEWEST} needed)`);
			return false;
		}
		const mean = (of) => looks.reduce((sum, look) => sum + of(look), 0) / looks.length;
		const [calls, used] = [mean((look) => look.calls), mean((look) => look.used)];
		const spread = mean((look) => (look.calls - calls) ** 2);
		const slope = mean((look) => (look.calls - calls) * (look.used - used)) / spread;
		const beside = mean((look) => (look.used - used - slope * (look.calls - calls)) ** 2);
		const length = looks[looks.length - 1].calls - looks[0].calls;
		const rise = slope * length;
		const error = Math.sqrt(beside / (looks.length - 2) / spread) * length;
		const grows = rise > GROWTH && rise > ERRORS * error;
		console.log(
			`memory: ${grows ? "growing" : "flat"}; in its second half ${used.toFixed(2)} MiB in use on average, ` +
				`${rise.toFixed(2)} MiB more at its end than at its beginning (standard error ${error.toFixed(2)})`,
		);
		return grows;
	}
}

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
	options: {
		calls: { type: "string" },
		minutes: { type: "string" },
		seed: { type: "string" },
		program: { type: "string" },
	},
});
for (const [name, value] of Object.entries(values)) {
	if (/^[0-9]{1,15}$/.test(value)) continue;
	console.error(`--${name} ${value}: not a whole number`);
	process.exit(2);
}
if (values.calls !== undefined && values.minutes !== undefined) {
	console.error("--calls and --minutes: give one of them");
	process.exit(2);
}
try {
	const tools = await withBundle({ entryPoints: [join(root, "test/sim/random/soak.ts")] }, (exports) => exports);
	if (values.program === undefined) await run(tools, Number(values.seed ?? Date.now() % 2 ** 31));
	else show(tools, Number(values.program));
} catch (error) {
	console.error(error.message ?? error);
	process.exitCode = 1;
}

async function run({ soak }, seed) {
	console.log(`seed ${seed}`);
	const start = performance.now();
	const passed = () => (performance.now() - start) / 1000;
	const wanted = Number(values.calls ?? 1_000_000);
	const limit = values.minutes === undefined ? undefined : Number(values.minutes) * 60;
	const share = ({ calls }) => (limit === undefined ? calls / wanted : passed() / limit);
	const memory = new Memory();
	const { calls, programs, succeeded, slowest } = await soak(seed, {
		most: (result) => (limit === undefined ? wanted - result.calls : wanted),
		goOn(result) {
			memory.look(passed(), share(result), result.calls);
			return share(result) < 1;
		},
	});
	console.log(`${calls} calls in ${programs} programs, ${succeeded} of them succeeded; ${passed().toFixed(1)} s`);
	console.log(`slowest: ${slowest.call}, ${slowest.ms.toFixed(1)} ms (program ${slowest.program}, step ${slowest.step})`);
	if (memory.verdict()) process.exitCode = 1;
}

function show({ minimize, programOf, runProgram }, seed) {
	const program = minimize(programOf(seed));
	const failure = runProgram(program, ({ call, ret, bytes }) => console.log(call, ret, bytes ?? ""));
	console.log(`machine ${program.machine ?? "none"}: ${failure?.problem ?? "nothing is wrong"}`);
	process.exitCode = failure === undefined ? 0 : 1;
}
