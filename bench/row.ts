/** One measurement, as `npm run bench` prints it. Each file bench/NAME.bench.ts exports `run(): Promise<BenchRow[]>`. */
export interface BenchRow {
	readonly name: string;
	readonly value: number;
	/** "ns", "ms", "answers/s", "MiB", ... */
	readonly unit: string;
	/** what it is measured against, in the same unit and the same run */
	readonly baseline?: { readonly name: string; readonly value: number };
	/** value / baseline by default */
	readonly ratio?: number;
	/** what should hold, in words: "at most 5 times C" */
	readonly limit?: string;
}

/** What a benchmark file exports. */
export interface Bench {
	run(): Promise<BenchRow[]>;
}
