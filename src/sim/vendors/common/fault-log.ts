/** Faults of DMA in the kernel log: a device that goes on faulting at the same place is logged once, as kernels limit it. */
export class FaultLog {
	#last: string | undefined;

	constructor(readonly warn: (line: string) => void) {}

	add(line: string): void {
		if (line === this.#last) return;
		this.#last = line;
		this.warn(line);
	}
}
