import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		include: ["test/**/*.test.ts"],
		globalSetup: ["test/own-tmp.ts", "test/build-once.ts"],
		// `npm run contract` counts which checks of the contract are reached.
		setupFiles: process.env.IOMMUCTL_WITNESSES === undefined ? [] : ["test/witness.ts"],
		// Two cores are what we count on: more workers than that only wait for each other.
		pool: "forks",
		maxWorkers: 2,
		reporters: ["default", "./scripts/counts-reporter.mjs"],
		// CommonJS as Node and the bundle see it.
		deps: { interopDefault: false },
		// Processes started while the other core is busy take their time.
		testTimeout: 30_000,
		hookTimeout: 60_000,
	},
});
