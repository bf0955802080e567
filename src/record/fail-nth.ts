/** /proc/PID/task/TID/fail-nth: which of a thread's next allocations the kernel makes fail. */
import { readFileSync } from "node:fs";

export class FailNth {
	/** a program has opened such a file */
	#used = false;

	/** A program opens this file for writing. */
	opens(path: string): void {
		this.#used ||= path.startsWith("/proc/") && path.endsWith("/fail-nth");
	}

	/** From 1; 0: none will fail. */
	of(pid: number, tid: number): number {
		if (!this.#used) return 0;
		try {
			return Number.parseInt(readFileSync(`/proc/${pid}/task/${tid}/fail-nth`, "latin1"), 10) || 0;
		} catch {
			return 0;
		}
	}
}
