/** Coverage of the kernel's own code (CONFIG_KCOV, Documentation/dev-tools/kcov.rst): which places a program reached for the first time. */
import type { Kernel } from "../kernel/kernel.js";

const PATH = "/sys/kernel/debug/kcov";
/** _IOR('c', 1, unsigned long), _IO('c', 100), _IO('c', 101) */
const [INIT_TRACE, ENABLE, DISABLE] = [0x80086301, 0x6364, 0x6365];
const TRACE_PC = 0n;
/** 64-bit words of the buffer: the first counts the places that follow */
const WORDS = 1 << 18;
/** words that are copied at a time */
const CHUNK = 4096;

export class Kcov {
	readonly #kernel: Kernel;
	readonly #fd: number;
	readonly #buffer: bigint;
	/** the low halves of the addresses: the kernel's code has less than 4 GiB */
	readonly #seen = new Set<number>();

	private constructor(kernel: Kernel, fd: number, buffer: bigint) {
		this.#kernel = kernel;
		this.#fd = fd;
		this.#buffer = buffer;
	}

	/** @param kernel a program of its own, whose thread makes the calls. undefined: this kernel does not have it, or only for root */
	static open(kernel: Kernel): Kcov | undefined {
		const fd = kernel.open(PATH);
		if (fd < 0) return undefined;
		if (kernel.ioctl(fd, INIT_TRACE, BigInt(WORDS)) === 0) {
			const buffer = kernel.mmap({ addr: 0n, length: BigInt(WORDS) * 8n, prot: 3, fd, offset: 0n });
			if (buffer > 0n) return new Kcov(kernel, fd, buffer);
		}
		kernel.close(fd);
		return undefined;
	}

	/** What this thread's calls reach counts from here on. */
	begin(): void {
		this.#kernel.poke(this.#buffer, new Uint8Array(8));
		this.#kernel.ioctl(this.#fd, ENABLE, TRACE_PC);
	}

	/** No longer. @returns how many places were reached that were not before */
	end(): number {
		this.#kernel.ioctl(this.#fd, DISABLE, 0n);
		const head = new Uint32Array(2);
		this.#kernel.peek(this.#buffer, new Uint8Array(head.buffer));
		const count = Math.min(head[0], WORDS - 1);
		const before = this.#seen.size;
		for (let at = 0; at < count; at += CHUNK) {
			const words = new Uint32Array(2 * Math.min(CHUNK, count - at));
			this.#kernel.peek(this.#buffer + BigInt(at + 1) * 8n, new Uint8Array(words.buffer));
			for (let low = 0; low < words.length; low += 2) this.#seen.add(words[low]);
		}
		return this.#seen.size - before;
	}
}
