/** Calls about the thread and the process that make calls. */
import type { Ret } from "../kernel.js";
import { DATA } from "./arena.js";
import { system } from "./system.js";

/** CPUs that a mask has room for. */
const CPUS = 8192;

/** Keeps this thread on one CPU (sched_setaffinity). Returns 0 or minus the errno. */
export function pinThread(cpu: number): Ret {
	const { libc, arena } = system();
	const mask = arena.bytes.subarray(DATA, DATA + CPUS / 8).fill(0);
	mask[cpu >> 3] = 1 << (cpu & 7);
	return libc.call("sched_setaffinity", 0, mask.length, arena.address + BigInt(DATA));
}

/** Ends the process at once, with all its threads, whatever they do. */
export function exitNow(code: number): never {
	system().libc.call("_exit", code);
	throw new Error("_exit returned");
}
