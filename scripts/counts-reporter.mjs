// A vitest reporter that ends the run with one line for machines: "12 passed, 0 failed, 1 skipped".
export default class CountsReporter {
	onTestRunEnd(modules, unhandledErrors) {
		const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
		for (const module of modules) {
			// A file that cannot even be loaded has no tests to count, but is still a failure.
			if (module.errors().length > 0) counts.failed++;
			for (const test of module.children.allTests()) {
				const { state } = test.result();
				if (state === "passed" || state === "failed") counts[state]++;
				else counts.skipped++;
			}
		}
		const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
		console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
	}
}
