/** Adapts physical memory for table walkers. */
import type { PhysicalMemory } from "../../memory/physical-memory.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";

/** The machine's memory, read and written in 64-bit words. */
export class HostMemory implements PhysMemory {
	readonly #bytes = new Uint8Array(8);
	readonly #view = new DataView(this.#bytes.buffer);

	constructor(readonly memory: PhysicalMemory) {}

	read64(addr: bigint): bigint | undefined {
		return this.memory.read(addr, this.#bytes) ? this.#view.getBigUint64(0, true) : undefined;
	}

	write64(addr: bigint, value: bigint): boolean {
		this.#view.setBigUint64(0, value, true);
		return this.memory.write(addr, this.#bytes);
	}
}
