// How the tests run: most share two processes, and the sources are loaded twice instead of once for each file.
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// `npm run contract` counts which checks of the contract are reached.
const witnesses = process.env.IOMMUCTL_WITNESSES !== undefined;
// Files that a test leaves open on a real kernel would change the numbers of the next one's.
const realKernel = process.env.IOMMUCTL_TEST_KERNEL === "real";

/** Tests that change what a process has only once: its uAPI, its registry of vendors, its memory or its open files. */
const alone = [
	"test/cli/low-files.test.ts",
	"test/exec/**/*.test.ts",
	"test/kernel/real/**/*.test.ts",
	"test/record/**/*.test.ts",
	"test/sim/vendors/registry.test.ts",
	"test/trace/header-calls.test.ts",
];

const common = {
	pool: "forks",
	// Two cores are what we count on: more workers than that only wait for each other.
	maxWorkers: 2,
	setupFiles: witnesses ? ["test/witness.ts"] : [],
	// CommonJS as Node and the bundle see it.
	deps: { interopDefault: false },
	// Processes started while the other core is busy take their time.
	testTimeout: 30_000,
	hookTimeout: 60_000,
} as const;

/** Files of several seconds: the last one to begin would run alone. vitest knows them only where it ran them before. */
const long = /test\/(?:cli\/(?:readme|exec\/exec|litmus\/litmus)|session\/lifecycle|structs\/spine|trace\/golden)\.test\.ts$/;

class LongFirst extends BaseSequencer {
	override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
		const sorted = await super.sort(files);
		const isLong = ({ moduleId }: TestSpecification) => long.test(moduleId);
		return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
	}
}

/** What prepares a run is not part of a project: it would run again for each of them. */
const whole = {
	globalSetup: ["test/own-tmp.ts", "test/build-once.ts"],
	reporters: ["default", "./scripts/counts-reporter.mjs"],
	sequence: { sequencer: LongFirst },
};
const include = ["test/**/*.test.ts"];

/** One after the other: a worker that is to be shared ends when another kind of file comes next. */
const projects = [
	{ test: { ...common, name: "shared", include, exclude: alone, isolate: false, sequence: { groupOrder: 0 } } },
	{ test: { ...common, name: "alone", include: alone, isolate: true, sequence: { groupOrder: 1 } } },
];

export default defineConfig({ test: witnesses || realKernel ? { ...whole, ...common, include } : { ...whole, maxWorkers: 2, projects } });
