/** Memory of the kernel's own that nothing points to any more (CONFIG_DEBUG_KMEMLEAK, Documentation/dev-tools/kmemleak.rst). */
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

const FILE = "/sys/kernel/debug/kmemleak";
/** has the kernel's time in jiffies and in ns */
const TIMERS = "/proc/timer_list";
/** Younger memory is not looked at, in ms: a pointer to it may be in a register still. Memory is reported when two scans find it. */
const AGE = 6000;
/** A clock tick is at most this long, in ns. */
const TICK = 10_000_000n;

/** Memory that nothing points to. */
export interface Unreferenced {
	/** when it was allocated, in ns of the monotonic clock, as process.hrtime has it; to a tick; undefined: the kernel does not say */
	readonly at: bigint | undefined;
	/** the function that allocated it for its own use */
	readonly by: string;
	/** what the kernel says of it */
	readonly lines: readonly string[];
}

/** What is used of the system; a test has its own. */
export interface KmemleakSystem {
	/** throws what the file system throws */
	read(path: string): string;
	write(path: string, text: string): void;
	wait(ms: number): Promise<unknown>;
}

const thisSystem: KmemleakSystem = {
	read: (path) => readFileSync(path, "latin1"),
	write: (path, text) => writeFileSync(path, text),
	wait: (ms) => setTimeout(ms),
};

export class Kmemleak {
	readonly #system: KmemleakSystem;
	readonly #begin: Clock | undefined;
	/** addresses of what was there before, or was told already */
	readonly #known: Set<string>;

	private constructor(system: KmemleakSystem) {
		this.#system = system;
		this.#known = new Set(objectsOf(system.read(FILE)).keys());
		this.#begin = clock(system);
	}

	/** From here on. undefined: this kernel does not have it, it is switched off, or the file is only root's */
	static open(system = thisSystem): Kmemleak | undefined {
		try {
			return new Kmemleak(system);
		} catch {
			return undefined;
		}
	}

	/** Scans all memory twice, which takes seconds. @returns what was not told before */
	async found(): Promise<Unreferenced[]> {
		const system = this.#system;
		for (let scan = 0; scan < 2; scan++) {
			await system.wait(AGE);
			system.write(FILE, "scan");
		}
		const now = clock(system);
		const fresh = [...objectsOf(system.read(FILE))].filter(([address]) => !this.#known.has(address));
		for (const [address] of fresh) this.#known.add(address);
		return fresh.map(([, lines]) => ({ at: this.#time(lines, now), by: allocator(lines), lines }));
	}

	#time(lines: readonly string[], now: Clock | undefined): bigint | undefined {
		const jiffies = /\bjiffies (\d+)/.exec(lines[1])?.[1];
		const begin = this.#begin;
		if (jiffies === undefined || begin === undefined || now === undefined || now.jiffies === begin.jiffies) return undefined;
		return begin.ns + ((BigInt(jiffies) - begin.jiffies) * (now.ns - begin.ns)) / (now.jiffies - begin.jiffies);
	}
}

/** Whether memory may have been allocated in this time, in ns. */
export function isWithin(at: bigint, from: bigint, to: bigint): boolean {
	return at >= from - TICK && at <= to + TICK;
}

interface Clock {
	readonly jiffies: bigint;
	readonly ns: bigint;
}

function clock(system: KmemleakSystem): Clock | undefined {
	let text: string;
	try {
		text = system.read(TIMERS);
	} catch {
		return undefined;
	}
	const [, ns] = /^now at (\d+) nsecs/m.exec(text) ?? [];
	const [, jiffies] = /^jiffies: (\d+)/m.exec(text) ?? [];
	return ns === undefined || jiffies === undefined ? undefined : { ns: BigInt(ns), jiffies: BigInt(jiffies) };
}

/** Reports by address. The first line of each begins with `unreferenced object`. */
function objectsOf(text: string): Map<string, string[]> {
	const objects = new Map<string, string[]>();
	let lines: string[] = [];
	for (const line of text.split("\n")) {
		const [, address] = /^unreferenced object (0x[0-9a-f]+)/.exec(line) ?? [];
		if (address !== undefined) {
			lines = [];
			objects.set(address, lines);
		}
		if (line !== "") lines.push(line);
	}
	return objects;
}

/** The first function of iommufd or VFIO, else the first one that does not allocate for others. */
function allocator(lines: readonly string[]): string {
	const functions = lines.flatMap((line) => /^\s+(?:\[<[^>]*>\] )?([\w.]+)\+0x/.exec(line)?.[1] ?? []);
	return (
		functions.find((name) => /iommu|iopt|vfio/.test(name) && !/_object_alloc/.test(name)) ??
		functions.find((name) => !/alloc|^xa/.test(name)) ??
		functions[0] ??
		"unknown"
	);
}
