#!/usr/bin/env node
// Replays traces on the simulated kernel straight from the sources, for work on src/sim:
//   node scripts/replay-dev.mjs FILE... [--max N] [--program NAME] [--time]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { max: { type: "string" }, program: { type: "string" }, time: { type: "boolean" } },
});
if (positionals.length === 0) {
	console.error("usage: node scripts/replay-dev.mjs FILE... [--max N] [--program NAME] [--time]");
	process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "replay-dev-"));
try {
	const outfile = join(folder, "replay.mjs");
	await build({
		stdin: {
			contents: 'export * from "./src/trace/index.js"; export { createSim } from "./src/sim/index.js";',
			resolveDir: root,
			loader: "ts",
		},
		bundle: true,
		format: "esm",
		platform: "node",
		target: "node20",
		sourcemap: "inline",
		outfile,
		logLevel: "warning",
	});
	process.setSourceMapsEnabled(true);
	const { replayFiles, formatReport, replayExitCode, createSim } = await import(pathToFileURL(outfile).href);
	const start = performance.now();
	const report = await replayFiles(positionals, {
		// One machine for a file's programs: a device's buffer, for one, outlives the program.
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
} finally {
	rmSync(folder, { recursive: true, force: true });
}
