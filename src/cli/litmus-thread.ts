/** A thread of a race: what `litmus` starts on the real kernel. */
import { parentPort } from "node:worker_threads";
import { openRealKernel, pinThread } from "../kernel/real/index.js";
import { type RacerData, race } from "../litmus/racer.js";

/** Memory of a test. */
export interface MemoryRange {
	readonly addr: bigint;
	/** bytes */
	readonly length: bigint;
	/** PROT_READ | PROT_WRITE */
	readonly prot: number;
}

export interface ThreadData extends RacerData {
	/** the CPU that it stays on */
	readonly cpu?: number;
	/** what the test maps: the thread may write it and unmap it */
	readonly memory: readonly MemoryRange[];
}

/** Races one test after another, as they are handed to the thread. */
export function runThread(): void {
	parentPort?.on("message", ({ cpu, memory, ...data }: ThreadData) => {
		if (cpu !== undefined) pinThread(cpu);
		race(data, () => {
			const kernel = openRealKernel();
			for (const { addr, length, prot } of memory) kernel.adoptMemory(addr, length, prot);
			return kernel;
		});
	});
}
