#!/usr/bin/env node
// Runs the benchmarks: npm run bench [-- NAME...] [-- --json]
// Each bench/NAME.bench.ts is bundled like the product and runs in a process of its own, one after another.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "boolean" } } });
const files = readdirSync(join(root, "bench")).filter((file) => file.endsWith(".bench.ts"));
const known = files.map((file) => file.slice(0, -".bench.ts".length));
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
	console.error(`no benchmark is called ${unknown.join(", ")}; the benchmarks are: ${known.join(", ") || "none"}`);
	process.exit(2);
}
const chosen = positionals.length === 0 ? known : positionals;

// Inside the checkout, so that packages outside of the bundle are found in node_modules.
const folder = join(root, "node_modules", ".cache", `bench-${process.pid}`);
const results = [];
try {
	mkdirSync(folder, { recursive: true });
	for (const name of chosen) results.push({ name, ...(await measure(name)) });
} finally {
	rmSync(folder, { recursive: true, force: true });
}

if (values.json) console.log(JSON.stringify({ schema: "iommuctl.bench", version: 1, node: process.version, results }));
else print();
process.exitCode = results.some((result) => result.error) ? 1 : 0;

async function measure(name) {
	const outfile = join(folder, `${name}.mjs`);
	const answer = join(folder, `${name}.json`);
	const main = `
		import { writeFileSync } from "node:fs";
		import { run } from "./bench/${name}.bench.js";
		writeFileSync(${JSON.stringify(answer)}, JSON.stringify(await run()));`;
	try {
		await build({
			stdin: { contents: main, resolveDir: root, loader: "ts" },
			bundle: true,
			format: "esm",
			platform: "node",
			target: "node20",
			external: ["ffi-napi", "ref-napi", "ref-struct-di"],
			banner: { js: 'import { createRequire as $require } from "node:module"; const require = $require(import.meta.url);' },
			outfile,
			logLevel: "warning",
		});
	} catch {
		return { error: "could not be built" };
	}
	writeFileSync(answer, "[]");
	const { status } = spawnSync(process.execPath, ["--expose-gc", outfile], { cwd: root, stdio: ["ignore", 2, 2] });
	if (status !== 0) return { error: `ended with exit code ${status}` };
	return { rows: JSON.parse(readFileSync(answer, "utf8")) };
}

function print() {
	const table = new Table({ head: ["benchmark", "value", "against", "its value", "ratio", "should be"], style: { head: [], border: [] } });
	for (const { name, rows, error } of results) {
		if (error) table.push([name, { content: error, colSpan: 5 }]);
		for (const { name: what, value, unit, baseline, ratio, limit } of rows ?? []) {
			const share = ratio ?? (baseline ? value / baseline.value : undefined);
			table.push([
				`${name}: ${what}`,
				{ content: `${figure(value)} ${unit}`, hAlign: "right" },
				baseline?.name ?? "",
				{ content: baseline ? `${figure(baseline.value)} ${unit}` : "", hAlign: "right" },
				{ content: share === undefined ? "" : figure(share), hAlign: "right" },
				limit ?? "",
			]);
		}
	}
	console.log(table.toString());
}

function figure(value) {
	return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}
