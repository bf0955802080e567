/** DMA of a VFIO device, translated by its IOMMU. */
import type { IommuDevice } from "../contract/device.js";
import { noteDma } from "../contract/dma-notes.js";
import type { DmaOutcome } from "../contract/driver.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import { READ, WRITE } from "../mmu/walk.js";

const NO_DMA: DmaOutcome = { ok: false, why: "DMA through its IOMMU is not simulated" };

/** The most bytes in an access that no translation covers. */
const WIDEST = 4;

/**
 * A device's access to memory: its IOMMU translates every access. Where no translation covers a range, it is accessed
 * in pieces of at most four bytes, each of which fails on its own, as on QEMU's bus.
 */
export class DmaPort {
	constructor(
		readonly device: IommuDevice,
		readonly memory: PhysicalMemory,
	) {}

	/** Memory to device: bytes that cannot be read are zero. Returns the IOMMU's fault records. */
	read(iova: bigint, into: Uint8Array): Uint8Array[] {
		return this.#each(iova, into.length, READ, (pa, at, count) => {
			const part = into.subarray(at, at + count);
			if (pa === undefined || !this.memory.read(pa, part)) part.fill(0);
		});
	}

	/** Device to memory: bytes that cannot be written are lost. */
	write(iova: bigint, from: Uint8Array): Uint8Array[] {
		return this.#each(iova, from.length, WRITE, (pa, at, count) => {
			if (pa !== undefined) this.memory.write(pa, from.subarray(at, at + count));
		});
	}

	#each(iova: bigint, length: number, access: number, move: (pa: bigint | undefined, at: number, count: number) => void): Uint8Array[] {
		const records: Uint8Array[] = [];
		const { device } = this;
		for (let at = 0; at < length; ) {
			const address = BigInt.asUintN(64, iova + BigInt(at));
			const outcome = noteDma(device, address, undefined, device.iommu.driver.dma?.(device, address, access) ?? NO_DMA);
			const left = length - at;
			if (outcome.ok) {
				const count = outcome.length < BigInt(left) ? Number(outcome.length) : left;
				move(outcome.pa, at, count);
				at += count;
				continue;
			}
			if (outcome.record !== undefined) records.push(outcome.record);
			const count = narrowest(address, left);
			move(undefined, at, count);
			at += count;
		}
		return records;
	}
}

/** The size of an access: a power of two to which the address is aligned. */
function narrowest(address: bigint, left: number): number {
	let count = WIDEST;
	while (count > 1 && (count > left || (address & BigInt(count - 1)) !== 0n)) count >>= 1;
	return count;
}
