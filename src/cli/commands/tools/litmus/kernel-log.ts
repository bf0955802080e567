/** What the kernel's log says while a test runs. */
import { closeSync, constants, openSync, readSync } from "node:fs";

/** Lines that are findings whatever the calls answered. */
const finding =
	/\b(?:WARNING:|BUG:|KASAN|KCSAN|KMSAN|UBSAN|possible (?:circular|recursive) locking|inconsistent lock state|refcount_t:|general protection fault|INFO: task .* blocked|rcu.*detected stalls|Oops|page allocation failure)/;
/** Log lines that are kept, at most. */
const MOST = 20;
/** Lines that tell of one finding, at most. */
const MOST_CONTEXT = 40;

/** The log from here on. */
export class KernelLog {
	#fd: number | undefined;
	#problem: string | undefined;

	/** why the log cannot be read */
	get problem(): string | undefined {
		return this.#problem;
	}

	/** @param path in tests another file */
	constructor(path = "/dev/kmsg") {
		try {
			this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
			for (const _ of this.#records()) {
				// What was there before is not ours.
			}
		} catch (error) {
			this.#problem = `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`;
		}
	}

	/** What came since the last time, from the first finding on, at most `MOST_CONTEXT` lines; empty if there was none. The log stays open. */
	next(): string[] {
		if (this.#fd === undefined) return [];
		const lines: string[] = [];
		for (const record of this.#records()) if ((lines.length > 0 || finding.test(record)) && lines.length < MOST_CONTEXT) lines.push(record);
		return lines;
	}

	/** What came since, and closes the log. */
	findings(): { readonly log: readonly string[]; readonly noLog?: string } {
		if (this.#fd === undefined) return { log: [], noLog: this.#problem };
		const log: string[] = [];
		for (const record of this.#records()) if (finding.test(record) && log.length < MOST) log.push(record);
		closeSync(this.#fd);
		this.#fd = undefined;
		return { log };
	}

	/** Messages, without what /dev/kmsg has before and behind each. */
	*#records(): Generator<string> {
		const bytes = Buffer.alloc(8192);
		for (;;) {
			let length: number;
			try {
				length = readSync(this.#fd as number, bytes, 0, bytes.length, null);
			} catch (error) {
				// EPIPE: records were lost to newer ones, which come next.
				if ((error as NodeJS.ErrnoException).code === "EPIPE") continue;
				return;
			}
			if (length === 0) return;
			const text = bytes.toString("utf8", 0, length);
			yield text.slice(text.indexOf(";") + 1).split("\n", 1)[0];
		}
	}
}
