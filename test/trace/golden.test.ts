import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createSim } from "../../src/sim/index.js";
import { hasAnswer, readTrace, replayFiles } from "../../src/trace/index.js";

const golden = fileURLToPath(new URL("../fixtures/golden", import.meta.url));

/** The suites that the simulated kernel answers without a difference. */
const EXACT = ["access", "contexts", "dirty", "events", "fields", "iova", "nested", "numbers", "pairs", "vfio", "viommu"];

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
	test("are read to their ends, and have as many answers as they are said to have", async () => {
		expect(await count(golden)).toEqual({ programs: 4711, steps: 215_216, answers: 178_891 });
		expect(await count(join(golden, "hw"))).toEqual({ programs: 2603, steps: 73_446, answers: 50_092 });
	});

	test.each(EXACT)("%s: every answer as recorded", async (suite) => {
		const file = join(golden, `${suite}.jsonl.gz`);
		const report = await replayFiles([file], { kernel: (header) => () => createSim({ header }).newProcess(), max: 3 });
		expect(report.differences).toEqual([]);
		expect(report.files).toEqual([{ file, programs: report.programs, steps: report.steps, differing: 0 }]);
		expect(report.steps).toBeGreaterThan(0);
	});
});
