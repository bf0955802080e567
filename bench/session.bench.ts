/** Benchmark: what a command costs with and without a session. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchRow } from "./row.js";

const rounds = 60;
const bin = "bin/iommuctl.js";

/** Measures commands as the shell sees them: whole processes, one after another, alternating between those to compare. */
export async function run(): Promise<BenchRow[]> {
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-bench-"));
	const { IOMMUCTL_SESSION: _, ...rest } = process.env;
	const outside = { ...rest, XDG_RUNTIME_DIR: folder };
	const inside = { ...outside, IOMMUCTL_SESSION: "bench" };
	try {
		start(["session", "start", "--name", "bench", "--kernel", "sim"], outside, bin);
		const cases: readonly (readonly [name: string, once: () => void])[] = [
			["node -e 0", () => start(["0"], outside, "-e")],
			["session", () => start(["ioas", "alloc", "-q"], inside, bin)],
			["alone", () => start(["ioas", "alloc", "-q", "--kernel", "sim"], outside, bin)],
			["version", () => start(["--version"], outside, bin)],
		];
		const times = new Map(cases.map(([name]) => [name, [] as number[]]));
		for (let round = 0; round < rounds; round++) {
			for (const [name, once] of cases) {
				const before = performance.now();
				once();
				times.get(name)?.push(performance.now() - before);
			}
		}
		const typical = (name: string): number => {
			const sorted = (times.get(name) ?? []).sort((a, b) => a - b);
			// Only the faster third counts, to leave out the time that other processes take.
			return sorted[Math.floor(sorted.length / 3)];
		};
		const baseline = { name: "node -e 0", value: typical("node -e 0") };
		return [
			{ name: "a command in a session", value: typical("session"), unit: "ms", baseline, limit: "at most 1.15 times" },
			{ name: "a command without one", value: typical("alone"), unit: "ms", baseline, limit: "at most 1.4 times" },
			{ name: "--version", value: typical("version"), unit: "ms", baseline },
		];
	} finally {
		start(["session", "stop", "--all"], outside, bin);
		rmSync(folder, { recursive: true, force: true });
	}
}

function start(args: readonly string[], env: NodeJS.ProcessEnv, script: string): void {
	const { status, stderr } = spawnSync(process.execPath, [script, ...args], { env, encoding: "utf8" });
	if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${stderr}`);
}
