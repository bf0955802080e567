#!/usr/bin/env node
// Counts what witnesses the checks of the contract, and writes docs/contract.md: npm run contract [-- --quick]
// The recorded answers of test/fixtures/golden are counted, and the checks that the tests of the simulated kernel reach
// (--quick keeps those that are known). Prints the share that is witnessed; exit 1 below the least.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withBundle } from "./bundle-dev.mjs";

/** percent of all checks */
const LEAST = 97;
const root = fileURLToPath(new URL("..", import.meta.url));
const file = join(root, "src/sim/control/witnesses.json");
const quick = process.argv.includes("--quick");
const entry = {
	stdin: {
		contents: [
			'export { answersByCheck } from "./src/trace/tools/witnesses.js";',
			'export { createSim } from "./src/sim/index.js";',
			'export { contractShare } from "./src/sim/control/contract-page.js";',
		].join("\n"),
		resolveDir: root,
		loader: "ts",
	},
};

const tests = quick ? JSON.parse(readFileSync(file, "utf8")).tests : reachedByTests();
const answers = await withBundle(entry, ({ answersByCheck, createSim }) =>
	answersByCheck(traces(join(root, "test/fixtures/golden")), (header) => {
		const sim = createSim({ header });
		return () => sim.newProcess();
	}),
);
const sorted = Object.fromEntries([...answers].sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify({ answers: sorted, tests }, null, "\t")}\n`);
// The bundle is made anew, with the file as it is now.
await withBundle(entry, ({ contractShare }) => {
	const { page, checks, witnessed, unwitnessed } = contractShare();
	writeFileSync(join(root, "docs/contract.md"), page);
	const share = (100 * witnessed) / checks;
	console.log(`${checks} checks, ${witnessed} witnessed by a recorded answer or a test: ${share.toFixed(1)} %`);
	for (const check of unwitnessed) console.log(`  unwitnessed: ${check}`);
	process.exitCode = share >= LEAST ? 0 : 1;
});

function traces(folder) {
	const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".jsonl.gz"));
	return names.sort().map((name) => join(folder, name));
}

/** The checks that tests reach in their own process; commands that they start are not counted. */
function reachedByTests() {
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-witnesses-"));
	try {
		const run = spawnSync(
			process.execPath,
			[join(root, "node_modules/vitest/vitest.mjs"), "run", "test/sim", "test/client", "--exclude", "test/sim/control/contracts.test.ts"],
			{
				cwd: root,
				env: { ...process.env, IOMMUCTL_WITNESSES: folder },
				encoding: "utf8",
			},
		);
		if (run.status !== 0) {
			console.error(run.stdout.slice(-2000));
			throw new Error("the tests fail: nothing was counted");
		}
		const reached = readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
		return [...new Set(reached)].sort();
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}
