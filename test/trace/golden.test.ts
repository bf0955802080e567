/** Replays the golden traces of a real kernel on the simulated one, each once: every answer, and the check of the contract behind it. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { contracts } from "../../src/sim/control/contracts.js";
import witnesses from "../../src/sim/control/witnesses.json" with { type: "json" };
import { createSim } from "../../src/sim/index.js";
import { vendors } from "../../src/sim/vendors/registry.js";
import { hasAnswer, type ReplayReport, replayFiles } from "../../src/trace/index.js";
import { countChecks } from "../../src/trace/tools/witnesses.js";

const golden = fileURLToPath(new URL("../fixtures/golden", import.meta.url));
const suitesIn = (folder: string) =>
	readdirSync(join(golden, folder))
		.filter((file) => file.endsWith(".gz"))
		.map((file) => join(folder, file));
const suites = ["", "hw", "6.12"].flatMap(suitesIn);

interface Replayed {
	readonly report: ReplayReport;
	/** all, and those with a recorded answer */
	readonly steps: number;
	readonly answers: number;
	/** how many answers each check explains */
	readonly checks: ReadonlyMap<string, number>;
}

const replays = new Map<string, Promise<Replayed>>();
function replayed(suite: string): Promise<Replayed> {
	const known = replays.get(suite) ?? replay(suite);
	replays.set(suite, known);
	return known;
}

async function replay(suite: string): Promise<Replayed> {
	const checks = new Map<string, number>();
	const count = countChecks(checks);
	let [steps, answers] = [0, 0];
	const report = await replayFiles([join(golden, suite)], {
		// One machine per file: the state of its devices outlives a program.
		kernel: (header) => {
			const sim = createSim({ header });
			return () => sim.newProcess();
		},
		max: 3,
		onStep(step, ...answered) {
			steps++;
			if (hasAnswer(step)) answers++;
			count(step, ...answered);
		},
	});
	return { report, steps, answers, checks };
}

describe("the golden traces", () => {
	test.each(suites)("%s: every answer as recorded", async (suite) => {
		const { report, answers } = await replayed(suite);
		const { programs, steps } = report;
		expect(report.differences).toEqual([]);
		expect(report.files).toEqual([{ file: join(golden, suite), programs, steps, differing: 0 }]);
		expect(steps).toBeGreaterThan(0);
		expect(steps).toBe(answers);
	});

	test.each([
		["", { programs: 4984, steps: 264_307, answers: 218_694 }],
		["hw", { programs: 2601, steps: 73_402, answers: 50_064 }],
		["6.12", { programs: 1589, steps: 61_568, answers: 49_721 }],
	])(
		"%s: are read to the end, and have the expected number of answers",
		async (folder, wanted) => {
			const counts = { programs: 0, steps: 0, answers: 0 };
			for (const suite of suitesIn(folder)) {
				const { report, steps, answers } = await replayed(suite);
				counts.programs += report.programs;
				counts.steps += steps;
				counts.answers += answers;
			}
			expect(counts).toEqual(wanted);
		},
		120_000,
	);

	test("every errno in them is explained by the contract, with checks that it lists, as often as is written", async () => {
		const listed = contracts(vendors).flatMap(({ id, checks }) =>
			checks.map(({ check, errno }) => (errno === 0 ? `notes${check.slice(id.length)}` : check)),
		);
		const known = new Set(listed);
		const counts: Record<string, number> = {};
		for (const suite of suites) {
			const { checks } = await replayed(suite);
			for (const [check, count] of checks) counts[check] = (counts[check] ?? 0) + count;
		}
		expect(counts[""] ?? 0).toBe(0);
		expect(Object.keys(counts).filter((check) => !known.has(check))).toEqual([]);
		// npm run contract writes the counts.
		expect(counts).toEqual(witnesses.answers);
	}, 120_000);
});
