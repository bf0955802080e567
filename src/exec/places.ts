/** Looks for descriptors in all processes that descend from this one. */
import { readdirSync, statSync } from "node:fs";
import { descendantPids } from "./descendants.js";
import { inodeKey } from "./inode-key.js";

/** A process's descriptor. */
export interface Place {
	readonly pid: number;
	readonly fd: number;
}

/** The first descriptor for which `matches` holds, by the key of its file. */
export function findDescriptor(matches: (key: string, place: Place) => boolean): Place | undefined {
	for (const pid of descendantPids()) {
		const folder = `/proc/${pid}/fd`;
		try {
			for (const name of readdirSync(folder)) {
				const stat = statSync(`${folder}/${name}`, { throwIfNoEntry: false });
				const place = { pid, fd: Number(name) };
				if (stat !== undefined && matches(inodeKey(stat.dev, stat.ino), place)) return place;
			}
		} catch {
			// It has ended meanwhile.
		}
	}
	return undefined;
}
