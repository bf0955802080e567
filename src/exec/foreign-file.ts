/** A program's own file, as calls of the simulated kernel see it that are given its number. */
import { type Stats, statfsSync, statSync } from "node:fs";
import { type EventFile, type MemoryObject, SimFile } from "../sim/index.js";
import type { EventFds } from "./event-fds.js";
import { keyOfStat } from "./memory/maps.js";
import type { SharedFiles } from "./memory/shared-files.js";
import type { Traced } from "./traced.js";

/** The file systems whose pages can be pinned by a file's number. */
const TMPFS = 0x01021994;
const HUGETLBFS = 0x958458f6;

export class ForeignFile extends SimFile {
	readonly kind = "foreign";

	constructor(
		override readonly memory: MemoryObject | undefined,
		/** bytes */
		readonly length: number,
		override readonly event: EventFile | undefined = undefined,
	) {
		super();
	}

	override get wholePages(): number {
		return Math.floor(this.length / 4096);
	}
}

/** What a process has open at a number; undefined: nothing. */
export function foreignFile(process: Traced, fd: number, shared: SharedFiles, events: EventFds): ForeignFile | undefined {
	const path = `/proc/${process.pid}/fd/${fd}`;
	let stat: Stats | undefined;
	try {
		stat = statSync(path, { throwIfNoEntry: false });
		if (stat === undefined) return undefined;
		const { type } = stat.isFile() ? statfsSync(path) : { type: 0 };
		if (type !== TMPFS && type !== HUGETLBFS) return new ForeignFile(undefined, 0, events.find(process, fd));
		const pages = shared.pages(keyOfStat(statSync(path, { bigint: true })), Math.ceil(stat.size / 4096));
		pages.open(path);
		return new ForeignFile(pages, stat.size);
	} catch {
		return stat && new ForeignFile(undefined, 0);
	}
}
