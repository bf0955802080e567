/** /proc/PID/task/TID/fail-nth: which of a thread's next allocations the kernel makes fail. */
import { existsSync, readFileSync } from "node:fs";

export class FailNth {
	/** kernels without fault injection have no such file */
	readonly #there = existsSync("/proc/self/fail-nth");

	/** From 1; 0: none will fail. */
	of(pid: number, tid: number): number {
		if (!this.#there) return 0;
		try {
			return Number.parseInt(readFileSync(`/proc/${pid}/task/${tid}/fail-nth`, "latin1"), 10) || 0;
		} catch {
			return 0;
		}
	}
}
