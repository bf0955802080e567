/** Writes into a recording what the simulated kernel sees of programs' memory: mappings, and the bytes that it reads. */
import { type Kernel, PROT_READ, PROT_WRITE } from "../../kernel/kernel.js";
import { IntervalCounter } from "../../sim/index.js";
import type { Mapping } from "./maps.js";

export class Witness {
	/** takes the steps; what they do is not done again */
	kernel: Pick<Kernel, "mmap" | "munmap" | "poke"> | undefined;
	/** pages that the recording has as mapped */
	readonly #covered = new IntervalCounter();

	/** The kernel looks at `count` pages from `page` on, which are in this mapping. */
	touched(page: number, count: number, { readable, writable }: Mapping): void {
		const prot = (readable ? PROT_READ : 0) | (writable ? PROT_WRITE : 0);
		for (const [from, to] of [...this.#covered.runs(page, page + count, true)]) {
			this.#covered.add(from, to, 1);
			this.kernel?.mmap({ addr: BigInt(from) << 12n, length: BigInt(to - from) << 12n, prot });
		}
	}

	/** The kernel has read these bytes. */
	read(addr: bigint, bytes: Uint8Array): void {
		this.kernel?.poke(addr, bytes);
	}

	/** [from, to) (pages) is about to be unmapped. */
	unmapping(from: number, to: number): void {
		for (const [first, end] of [...this.#covered.runs(from, to)]) {
			this.#covered.add(first, end, -1);
			this.kernel?.munmap(BigInt(first) << 12n, BigInt(end - first) << 12n);
		}
	}
}
