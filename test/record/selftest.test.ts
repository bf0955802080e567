/** Recordings of the kernel's selftest on a real Linux 7.3.4 replay on the simulated kernel. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createSim } from "../../src/sim/index.js";
import { replayFiles } from "../../src/trace/index.js";

const folder = fileURLToPath(new URL("../fixtures/recorded", import.meta.url));

describe("the kernel's selftest, recorded by record", () => {
	test.each(readdirSync(folder))("%s: every answer as recorded", async (file) => {
		const report = await replayFiles([join(folder, file)], { kernel: (header) => () => createSim({ header }).newProcess() });
		expect(report).toMatchObject({ differing: 0, differences: [] });
		expect(report.steps).toBeGreaterThan(20);
	});
});
