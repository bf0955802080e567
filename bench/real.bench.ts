/** Benchmark: what an ioctl on the real kernel costs, against C and Python. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EBADF } from "../src/kernel/errno.js";
import { openRealKernel } from "../src/kernel/real/index.js";
import type { BenchRow } from "./row.js";

const IOMMU_IOAS_MAP = 0x3b85;
const SIZE = 40;
/** Calls are timed in bursts short enough not to be interrupted by other work of the machine; the best burst counts. */
const BURST = 2000;
const BURSTS = 120;
/** The programs take turns, so that none has the quiet minutes for itself. */
const ROUNDS = 6;

const c = `
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
int main(void) {
	char arg[${SIZE}];
	double best = 1e9;
	long wrong = 0;
	for (int burst = 0; burst < 1000; burst++) {
		struct timespec start, end;
		clock_gettime(CLOCK_MONOTONIC, &start);
		for (int i = 0; i < ${BURST}; i++) {
			memset(arg, 0, sizeof arg);
			arg[0] = ${SIZE};
			if (ioctl(-1, ${IOMMU_IOAS_MAP}, arg) != -1 || errno != EBADF) wrong++;
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		double ns = ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / ${BURST};
		if (ns < best) best = ns;
	}
	printf("%f\\n", best);
	return wrong != 0;
}
`;

/** Python's fcntl refuses a negative descriptor before it makes a call, so it gets one that is not open. */
const python = `
import fcntl, sys, time
def best(fd, error):
    arg = bytearray(${SIZE})
    arg[0] = ${SIZE}
    least = 1e9
    for burst in range(${BURSTS}):
        start = time.perf_counter()
        for i in range(${BURST}):
            try:
                fcntl.ioctl(fd, ${IOMMU_IOAS_MAP}, arg, True)
            except error:
                pass
        least = min(least, (time.perf_counter() - start) / ${BURST} * 1e9)
    return least
print(best(int(sys.argv[1]), OSError if int(sys.argv[1]) > 0 else ValueError))
`;

type Measure = () => number | undefined;

/** Measures an ioctl that fails at once, so that only the cost of the call remains. */
export async function run(): Promise<BenchRow[]> {
	const dir = mkdtempSync(join(tmpdir(), "iommuctl-bench-"));
	try {
		const kernel = openRealKernel();
		const struct = new Uint8Array(SIZE);
		struct[0] = SIZE;
		const [same, fresh, inC, inPython, refused] = inTurns([
			() => burst(() => kernel.ioctl(-1, IOMMU_IOAS_MAP, struct)),
			() => burst(() => kernel.ioctl(-1, IOMMU_IOAS_MAP, new Uint8Array(struct))),
			compiled(dir),
			() => printed("python3", ["-c", python, "999999"]),
			() => printed("python3", ["-c", python, "-1"]),
		]);
		if (same === undefined || fresh === undefined) throw new Error("the real kernel was not measured");
		const what = "ioctl on fd -1, a 40-byte struct";
		return [
			row(what, same, "C", inC, "at most 5 times C"),
			row(`${what}, new each time`, fresh, "C", inC),
			row(what, same, "Python, fcntl.ioctl", inPython, "faster than Python"),
			row(what, same, "Python's own refusal of -1, without a call", refused),
		];
	} finally {
		rmSync(dir, { recursive: true, force: true });
	}
}

function row(name: string, value: number, baseline: string, against: number | undefined, limit?: string): BenchRow {
	return {
		name,
		value,
		unit: "ns",
		baseline: against === undefined ? undefined : { name: baseline, value: against },
		limit: against === undefined ? `${baseline} is not here to compare` : limit,
	};
}

/** The smallest value that each program measured in any round. */
function inTurns(measures: readonly Measure[]): (number | undefined)[] {
	const least: (number | undefined)[] = measures.map(() => undefined);
	for (let round = 0; round < ROUNDS; round++) {
		for (const [i, measure] of measures.entries()) {
			const value = measure();
			if (value !== undefined) least[i] = Math.min(value, least[i] ?? value);
		}
	}
	return least;
}

/** Nanoseconds for a call, in the best of many bursts. */
function burst(call: () => number): number {
	let best = Number.POSITIVE_INFINITY;
	for (let n = 0; n < BURSTS; n++) {
		const start = performance.now();
		let wrong = 0;
		for (let i = 0; i < BURST; i++) if (call() !== -EBADF) wrong++;
		best = Math.min(best, ((performance.now() - start) * 1e6) / BURST);
		if (wrong > 0) throw new Error("the kernel answered something other than EBADF");
	}
	return best;
}

/** The same loop in C, if there is a compiler. */
function compiled(dir: string): Measure {
	const source = join(dir, "ioctl.c");
	const program = join(dir, "ioctl");
	writeFileSync(source, c);
	const built = ["cc", "gcc", "clang"].some((compiler) => spawnSync(compiler, ["-O2", "-o", program, source]).status === 0);
	return () => (built ? printed(program, []) : undefined);
}

function printed(command: string, args: string[]): number | undefined {
	const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
	return status === 0 ? Number(stdout) : undefined;
}
