/** A thread of a race: what `litmus` starts on the real kernel. */
import { workerData } from "node:worker_threads";
import { openRealKernel, pinThread } from "../kernel/real/index.js";
import { type RacerData, race } from "../litmus/index.js";
import type { MemoryRange } from "./commands/tools/litmus/on-real.js";

export interface ThreadData extends RacerData {
	/** the CPU that it stays on */
	readonly cpu?: number;
	/** what the test maps: the thread may write it and unmap it */
	readonly memory: readonly MemoryRange[];
}

export function runThread(): void {
	const { cpu, memory, ...data } = workerData as ThreadData;
	if (cpu !== undefined) pinThread(cpu);
	race(data, () => {
		const kernel = openRealKernel();
		for (const { addr, length, prot } of memory) kernel.adoptMemory(addr, length, prot);
		return kernel;
	});
}
