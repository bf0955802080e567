/** Replays the golden traces of a real kernel on the simulated one. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createSim } from "../../src/sim/index.js";
import { hasAnswer, readTrace, replayFiles } from "../../src/trace/index.js";

const golden = fileURLToPath(new URL("../fixtures/golden", import.meta.url));

const suites = readdirSync(golden).filter((file) => file.endsWith(".gz"));
const below = (folder: string) =>
	readdirSync(join(golden, folder))
		.filter((file) => file.endsWith(".gz"))
		.map((file) => join(folder, file));

async function count(folder: string): Promise<{ programs: number; steps: number; answers: number }> {
	const counts = { programs: 0, steps: 0, answers: 0 };
	for (const name of readdirSync(folder).filter((file) => file.endsWith(".gz"))) {
		await readTrace(join(folder, name), {
			header: () => {},
			program: () => counts.programs++ >= 0,
			step: (step) => {
				counts.steps++;
				if (hasAnswer(step)) counts.answers++;
			},
			end: () => {},
		});
	}
	return counts;
}

describe("the golden traces", () => {
	test("are read to the end, and have the expected number of answers", async () => {
		expect(await count(golden)).toEqual({ programs: 4984, steps: 264_307, answers: 218_694 });
		expect(await count(join(golden, "hw"))).toEqual({ programs: 2601, steps: 73_402, answers: 50_064 });
		expect(await count(join(golden, "6.12"))).toEqual({ programs: 1589, steps: 61_568, answers: 49_721 });
	});

	test.each([...suites, ...below("hw"), ...below("6.12")])("%s: every answer as recorded", async (suite) => {
		const file = join(golden, suite);
		const report = await replayFiles([file], {
			// One machine per file: the state of its devices outlives a program.
			kernel: (header) => {
				const sim = createSim({ header });
				return () => sim.newProcess();
			},
			max: 3,
		});
		expect(report.differences).toEqual([]);
		expect(report.files).toEqual([{ file, programs: report.programs, steps: report.steps, differing: 0 }]);
		expect(report.steps).toBeGreaterThan(0);
	});
});
