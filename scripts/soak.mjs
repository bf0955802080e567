#!/usr/bin/env node
// Makes random calls on the simulated kernel until something breaks: npm run soak [-- --calls N] [-- --seed N]
// A failure names its program: npm run soak -- --program N shows the shortest series of calls that leads to it.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withBundle } from "./bundle-dev.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
	options: { calls: { type: "string", default: "1000000" }, seed: { type: "string" }, program: { type: "string" } },
});
for (const [name, value] of Object.entries(values)) {
	if (/^[0-9]{1,15}$/.test(value)) continue;
	console.error(`--${name} ${value}: not a whole number`);
	process.exit(2);
}
try {
	const tools = await withBundle({ entryPoints: [join(root, "test/sim/random/soak.ts")] }, (exports) => exports);
	if (values.program === undefined) run(tools, Number(values.seed ?? Date.now() % 2 ** 31), Number(values.calls));
	else show(tools, Number(values.program));
} catch (error) {
	console.error(error.message ?? error);
	process.exitCode = 1;
}

function run({ soak }, seed, wanted) {
	console.log(`seed ${seed}`);
	const start = performance.now();
	const { calls, programs, succeeded, slowest } = soak(seed, wanted);
	const seconds = (performance.now() - start) / 1000;
	console.log(`${calls} calls in ${programs} programs, ${succeeded} of them succeeded; ${seconds.toFixed(1)} s`);
	console.log(`slowest: ${slowest.call}, ${slowest.ms.toFixed(1)} ms (program ${slowest.program}, step ${slowest.step})`);
}

function show({ minimize, programOf, runProgram }, seed) {
	const program = minimize(programOf(seed));
	const failure = runProgram(program, ({ call, ret, bytes }) => console.log(call, ret, bytes ?? ""));
	console.log(`machine ${program.machine ?? "none"}: ${failure?.problem ?? "nothing is wrong"}`);
	process.exitCode = failure === undefined ? 0 : 1;
}
