/** Reads the entry array of IOMMU_HWPT_INVALIDATE. */
import { E2BIG } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import { argAt } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { entriesChecks, entryChecks } from "./checks.js";

export interface InvalidateResult {
	readonly rc: Ret;
	/** entries handled */
	readonly done: number;
}

/** Entries in the caller's memory. `length` is that of one entry, in bytes. */
export class InvalidateArray {
	constructor(
		readonly process: Caller,
		/** the open /dev/iommu that the call was made on; opaque here */
		readonly context: object,
		/** IOMMU_HWPT_INVALIDATE_DATA_*, IOMMU_VIOMMU_INVALIDATE_DATA_* */
		readonly type: number,
		readonly uptr: bigint,
		readonly length: number,
		readonly count: number,
	) {}

	/** The address of entry `index`. */
	address(index: number): bigint {
		return this.uptr + BigInt(index) * BigInt(this.length);
	}

	/** Entry `index` of an array whose entries must be exactly `size` bytes: -EINVAL, -EFAULT. */
	entry(index: number, size: number): Uint8Array | Ret {
		const { memory, reasons } = this.process;
		if (this.length !== size) return reasons.fail(entryChecks.entryLength, this.length, size);
		const bytes = new Uint8Array(size);
		const addr = this.address(index);
		if (memory.read(addr, bytes) < 0) return reasons.fail(entryChecks.entryUnreadable, index, addr, faultAt(memory, addr, size, false));
		return bytes;
	}

	/** All entries at once, `size` bytes each: shorter ones are padded with zeroes, longer ones must end in zeroes. -E2BIG, -EFAULT. */
	entries(size: number): Uint8Array | Ret {
		const { count, length, uptr } = this;
		const { memory, reasons } = this.process;
		const all = new Uint8Array(count * size);
		if (length === size) {
			if (memory.read(uptr, all) >= 0) return all;
			return reasons.fail(entriesChecks.entriesUnreadable, count, uptr, faultAt(memory, uptr, all.length, false));
		}
		const known = Math.min(length, size);
		for (let i = 0; i < count; i++) {
			const addr = this.address(i);
			const tail = length > size ? argAt(memory, addr).checkZero(size, length - size) : 0;
			if (tail === -E2BIG) return reasons.fail(entriesChecks.entryTail, length, size, i);
			if (tail < 0 || memory.read(addr, all.subarray(i * size, i * size + known)) < 0)
				return reasons.fail(entriesChecks.entryUnreadable, i, addr, faultAt(memory, addr, length, false));
		}
		return all;
	}
}
