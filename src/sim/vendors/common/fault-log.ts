/** Limits DMA faults in the kernel log as kernels do: a device that keeps faulting at the same address is logged once. */
export class FaultLog {
	#last: string | undefined;

	constructor(readonly warn: (line: string) => void) {}

	add(line: string): void {
		if (line === this.#last) return;
		this.#last = line;
		this.warn(line);
	}
}
