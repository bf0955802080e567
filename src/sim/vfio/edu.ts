/** QEMU's educational PCI device. */
import type { DmaPort } from "./dma-port.js";

const BUFFER = 0x40000n;
export const EDU_BUFFER_SIZE = 4096;
const IDENTIFICATION = 0x010000ed;
/** commands of the DMA engine */
const RUN = 1n;
const TO_MEMORY = 2n;
const RAISE = 4n;
const DMA_INTERRUPT = 0x100;

/** The edu device (QEMU's docs/specs/edu): a DMA engine with a buffer of 4096 bytes, and little else. */
export class Edu {
	/** persists across closes and resets */
	readonly buffer = new Uint8Array(EDU_BUFFER_SIZE);
	#liveness = 0;
	#factorial = 0;
	#raiseAfterFactorial = false;
	#interrupts = 0;
	#source = 0n;
	#target = 0n;
	#count = 0n;
	#command = 0n;

	/**
	 * `port` answers undefined while bus mastering is off: nothing answers the accesses. `onInterrupt` hears of each change of
	 * the interrupt status register; `raised`: bits were set, not cleared.
	 */
	constructor(
		readonly port: () => DmaPort | undefined,
		readonly onInterrupt: (status: number, raised: boolean) => void,
	) {}

	/** the interrupt status register */
	get interrupts(): number {
		return this.#interrupts;
	}

	/** Set bits of the interrupt status register, as a write of 0x60 does. */
	raise(bits: number): void {
		this.#interrupts = (this.#interrupts | bits) >>> 0;
		if (this.#interrupts !== 0) this.onInterrupt(this.#interrupts, true);
	}

	/** Clear bits of it, as a write of 0x64 does. */
	acknowledge(bits: number): void {
		this.#interrupts = (this.#interrupts & ~bits) >>> 0;
		this.onInterrupt(this.#interrupts, false);
	}

	/** Copy between memory at `iova` and the buffer at `at`. Returns the IOMMU's fault records. */
	copy(dir: "read" | "write", iova: bigint, length: number, at: number): Uint8Array[] {
		const start = Math.max(0, Math.min(at, EDU_BUFFER_SIZE));
		const part = this.buffer.subarray(start, Math.max(start, Math.min(at + length, EDU_BUFFER_SIZE)));
		const port = this.port();
		if (port !== undefined) return dir === "read" ? port.read(iova, part) : port.write(iova, part);
		if (dir === "read") part.fill(0);
		return [];
	}

	/** A register read of `size` bytes: registers below 0x80 are 32 bits wide, the DMA engine's may also be read as 64. */
	read(at: number, size: number): bigint {
		// Narrower accesses do not reach the device.
		if (size < 4) return 0n;
		if (!readable(at, size)) return (1n << BigInt(size * 8)) - 1n;
		switch (at) {
			case 0x00:
				return BigInt(IDENTIFICATION);
			case 0x04:
				return BigInt(this.#liveness);
			case 0x08:
				return BigInt(this.#factorial);
			case 0x20:
				return this.#raiseAfterFactorial ? 0x80n : 0n;
			case 0x24:
				return BigInt(this.#interrupts);
			case 0x80:
				return this.#source;
			case 0x88:
				return this.#target;
			case 0x90:
				return this.#count;
			case 0x98:
				return this.#command;
			default:
				return (1n << BigInt(size * 8)) - 1n;
		}
	}

	write(at: number, size: number, value: bigint): void {
		if (!readable(at, size)) return;
		const low = Number(value & 0xffffffffn);
		switch (at) {
			case 0x04:
				this.#liveness = ~low >>> 0;
				break;
			case 0x08:
				this.#factorial = factorial(low);
				if (this.#raiseAfterFactorial) this.raise(1);
				break;
			case 0x20:
				this.#raiseAfterFactorial = (low & 0x80) !== 0;
				break;
			case 0x60:
				this.raise(low);
				break;
			case 0x64:
				this.acknowledge(low);
				break;
			case 0x80:
				this.#source = value;
				break;
			case 0x88:
				this.#target = value;
				break;
			case 0x90:
				this.#count = value;
				break;
			case 0x98:
				this.#command = value;
				if (value & RUN) this.#run();
				break;
		}
	}

	/** Perform the transfer that the registers describe; a range that exceeds the buffer is not moved at all. */
	#run(): void {
		const out = (this.#command & TO_MEMORY) !== 0n;
		const at = (out ? this.#source : this.#target) - BUFFER;
		const length = this.#count;
		if (at >= 0n && at + length <= BigInt(EDU_BUFFER_SIZE))
			this.copy(out ? "write" : "read", out ? this.#target : this.#source, Number(length), Number(at));
		this.#command &= ~RUN;
		if (this.#command & RAISE) this.raise(DMA_INTERRUPT);
	}
}

function readable(at: number, size: number): boolean {
	return size === 4 || (size === 8 && at >= 0x80);
}

/** The factorial modulo 2^32: from 34 on it has at least 32 factors of two, so it is 0. */
function factorial(n: number): number {
	let product = n >= 34 ? 0 : 1;
	for (let i = 2; i <= n && product !== 0; i++) product = Math.imul(product, i) >>> 0;
	return product;
}
