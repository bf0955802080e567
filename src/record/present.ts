/** Which pages of a process have contents, so that reading them touches nothing that is not there. */
import { closeSync, openSync, readSync } from "node:fs";

const ENTRY = 8;
/** pages that are looked up at a time */
const BATCH = 8192;
const PRESENT_OR_SWAPPED = 0xc0;

/** Runs of pages that are in memory or swapped out; all of them where that cannot be known. `end` is exclusive. */
export function* presentRuns(pid: number, start: number, end: number): Generator<{ readonly start: number; readonly end: number }> {
	let fd: number;
	try {
		fd = openSync(`/proc/${pid}/pagemap`, "r");
	} catch {
		yield { start, end };
		return;
	}
	try {
		const entries = Buffer.alloc(BATCH * ENTRY);
		for (let page = start; page < end; ) {
			const wanted = Math.min(BATCH, end - page);
			const got = Math.floor(readSync(fd, entries, 0, wanted * ENTRY, page * ENTRY) / ENTRY);
			if (got === 0) return;
			let from: number | undefined;
			for (let i = 0; i <= got; i++) {
				const there = i < got && (entries[i * ENTRY + 7] & PRESENT_OR_SWAPPED) !== 0;
				if (there) from ??= page + i;
				else if (from !== undefined) {
					yield { start: from, end: page + i };
					from = undefined;
				}
			}
			page += got;
		}
	} finally {
		closeSync(fd);
	}
}
