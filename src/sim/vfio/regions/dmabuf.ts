/** A DMA-buf of a part of a BAR: other devices can reach it through page tables that it is mapped into. */
import type { Ret } from "../../../kernel/kernel.js";
import { PAGE_SIZE } from "../../memory/memory-object.js";
import { SimFile } from "../../process/file.js";
import type { Reasons } from "../../why/reasons.js";
import { dmaBufMmapChecks } from "../checks/regions.js";
import type { BarPages } from "./bar-pages.js";

const ACCESS_MODE = 3;
const O_WRONLY = 1;

/** A range of a BAR in bytes, page by page. */
export interface BarRange {
	readonly offset: bigint;
	readonly length: bigint;
}

export class BarDmabufFile extends SimFile {
	readonly kind = "dmabuf";
	override readonly hasOffsets = false;
	override readonly openForRead: boolean;
	override readonly openForWrite: boolean;
	override readonly deviceMemory: NonNullable<SimFile["deviceMemory"]>;

	override mmap(): Ret {
		return this.reasons.fail(dmaBufMmapChecks.dmaBufMmap);
	}

	/** `there`: whether the device is open and answers; while it is not, the buffer cannot be mapped */
	constructor(
		readonly pages: BarPages,
		readonly ranges: readonly BarRange[],
		flags: number,
		there: () => boolean,
		readonly reasons: Reasons,
	) {
		super();
		const mode = flags & ACCESS_MODE;
		this.openForRead = mode !== O_WRONLY;
		this.openForWrite = mode !== 0;
		this.deviceMemory = {
			length: ranges.reduce((sum, { length }) => sum + length, 0n),
			ranges: ranges.length,
			get revoked() {
				return !there();
			},
			page: (index) => (there() ? { object: pages, page: Number(ranges[0].offset) / PAGE_SIZE + index } : undefined),
		};
	}
}
