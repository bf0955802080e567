#!/usr/bin/env node
// Replays traces on the simulated kernel straight from the sources, for work on src/sim:
//   node scripts/replay-dev.mjs FILE... [--max N] [--program NAME] [--time]
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withBundle } from "./bundle-dev.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { max: { type: "string" }, program: { type: "string" }, time: { type: "boolean" } },
});
if (positionals.length === 0) {
	console.error("usage: node scripts/replay-dev.mjs FILE... [--max N] [--program NAME] [--time]");
	process.exit(2);
}
const entry = {
	stdin: {
		contents: 'export * from "./src/trace/index.js"; export { createSim } from "./src/sim/index.js";',
		resolveDir: root,
		loader: "ts",
	},
};
await withBundle(entry, async ({ replayFiles, formatReport, replayExitCode, createSim }) => {
	const start = performance.now();
	const report = await replayFiles(positionals, {
		// One machine for all programs of a file: a device's buffer, for example, outlives the program.
		kernel: (header) => {
			const sim = createSim({ header });
			return () => sim.newProcess();
		},
		max: values.max === undefined ? undefined : Number(values.max),
		program: values.program,
	});
	const took = performance.now() - start;
	process.stdout.write(formatReport(report));
	if (values.time) console.error(`${Math.round(took)} ms, ${Math.round((report.steps / took) * 1000)} answers a second`);
	process.exitCode = replayExitCode(report);
});
