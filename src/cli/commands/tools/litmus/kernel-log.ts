/** What the kernel's log says while a test runs. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { isWarning } from "../../../frame/mark.js";

/** Warnings that are kept, at most. */
const MOST = 20;
/** Lines that tell of one warning, at most. */
const MOST_CONTEXT = 40;
/** A warning may have several lines that name it, so close to each other. */
const CLOSE = 8;

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

	/** The warnings since the last time, as `apart` has them. The log stays open. */
	next(): string[][] {
		return this.#fd === undefined ? [] : apart(this.#records());
	}

	/** What came since, and closes the log. */
	findings(): { readonly log: readonly string[]; readonly noLog?: string } {
		if (this.#fd === undefined) return { log: [], noLog: this.#problem };
		const log: string[] = [];
		for (const record of this.#records()) if (isWarning(record) && log.length < MOST) log.push(record);
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

/** Warnings of a log, each with the lines that follow, at most `MOST_CONTEXT`; the first one names it. */
export function apart(records: Iterable<string>): string[][] {
	const warnings: string[][] = [];
	let since = 0;
	for (const record of records) {
		const last = warnings.at(-1);
		since++;
		if (isWarning(record) && (last === undefined || since > CLOSE)) {
			if (warnings.length < MOST) warnings.push([record]);
			since = 0;
		} else if (last !== undefined && last.length < MOST_CONTEXT) last.push(record);
	}
	return warnings;
}
