/** Replays the recorded SMMUv3 traces against the simulated driver. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createSim } from "../../../../src/sim/index.js";
import { replayFiles } from "../../../../src/trace/index.js";

const folder = fileURLToPath(new URL("../../../fixtures/golden/hw/", import.meta.url));

test("the real driver's traces, on eight machines: every answer and every event record as recorded", async () => {
	const files = readdirSync(folder).filter((name) => name.startsWith("smmuv3-"));
	expect(files.length).toBe(39);
	const report = await replayFiles(
		files.map((name) => folder + name),
		{ kernel: (header) => () => createSim({ header }).newProcess(), max: 3 },
	);
	expect(report.differences).toEqual([]);
	expect([report.programs, report.steps]).toEqual([1231, 25_410]);
});
