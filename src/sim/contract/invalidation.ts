/** Reads the entry array of IOMMU_HWPT_INVALIDATE. */
import { EINVAL } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { Caller } from "../process/caller.js";
import { copyStruct } from "./user-data.js";

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
		return this.length === size ? copyStruct(this.process, this.address(index), size, size) : -EINVAL;
	}

	/** All entries at once, `size` bytes each: shorter ones are padded with zeroes, longer ones must end in zeroes. -E2BIG, -EFAULT. */
	entries(size: number): Uint8Array | Ret {
		const { count, length, process, uptr } = this;
		const all = new Uint8Array(count * size);
		if (length === size) {
			const rc = process.memory.read(uptr, all);
			return rc < 0 ? rc : all;
		}
		for (let i = 0; i < count; i++) {
			const entry = copyStruct(process, this.address(i), length, size);
			if (typeof entry === "number") return entry;
			all.set(entry, i * size);
		}
		return all;
	}
}
