/** What this machine's kernel counts: open files, locked memory, slab. */
import { readFileSync } from "node:fs";

/** Files of the whole machine; memory in KiB: locked and pinned of this process, and the kernel's own that cannot be reclaimed. */
export interface Counters {
	readonly files: number;
	readonly locked: number;
	readonly slab: number;
}

/** A count that is not there is 0. `read`: in tests, other files */
export function readCounters(read: (path: string) => string = (path) => readFileSync(path, "latin1")): Counters {
	const text = (path: string): string => {
		try {
			return read(path);
		} catch {
			return "";
		}
	};
	const status = text("/proc/self/status");
	return {
		files: Number(/^\d+/.exec(text("/proc/sys/fs/file-nr"))?.[0] ?? 0),
		locked: kib(status, "VmLck") + kib(status, "VmPin"),
		slab: kib(text("/proc/meminfo"), "SUnreclaim"),
	};
}

const kib = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
