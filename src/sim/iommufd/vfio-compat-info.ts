/** The answer to VFIO_IOMMU_GET_INFO. */
import {
	vfio_iommu_type1_info_dma_avail as AVAIL,
	vfio_info_cap_header as HEADER,
	vfio_iommu_type1_info_cap_iova_range as RANGES,
	vfio_defines as V,
	vfio_iommu_type1_info,
	vfio_iova_range,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { getInfoChecks } from "./checks/vfio-compat.js";
import type { Ioas } from "./ioas.js";

/** The number of mappings that may still be made: unlimited. */
const AVAILABLE = 0xffffffff;

/**
 * Answer VFIO_IOMMU_GET_INFO: as much of the struct as `argsz` has room for, each capability that fits (they begin at multiples of
 * 8; what is between them stays as it is), and in argsz the size of everything. `cap_offset` is set only if everything fits.
 */
export function encodeInfo(ioas: Ioas, { memory, reasons }: Caller, arg: UserArg, argsz: number): Ret {
	const write = (offset: number, bytes: Uint8Array): Ret => {
		if (arg.write(offset, bytes) >= 0) return 0;
		const addr = arg.value + BigInt(offset);
		return reasons.fail(getInfoChecks.infoNotWritable, bytes.length, offset, addr, faultAt(memory, addr, bytes.length, true));
	};
	const info = vfio_iommu_type1_info;
	let at: number = info.size;
	let last = 0;
	for (const capability of [available(), ranges(ioas)]) {
		let rc = last !== 0 && argsz >= at ? write(last + HEADER.offsets.next, u32(at)) : 0;
		if (rc === 0 && argsz >= at + capability.length) rc = write(at, capability);
		if (rc < 0) return rc;
		last = at;
		at += (capability.length + 7) & ~7;
	}
	const bytes = info.encode({
		argsz: at,
		flags: V.VFIO_IOMMU_INFO_PGSIZES | V.VFIO_IOMMU_INFO_CAPS,
		iova_pgsizes: pageSizes(ioas),
		cap_offset: argsz >= at ? info.size : 0,
	});
	return write(0, bytes.subarray(0, Math.min(argsz, info.size)));
}

function u32(value: number): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	return bytes;
}

/** The page sizes that all page tables of the IOAS support; without a table, all from 4096 bytes up. */
function pageSizes(ioas: Ioas): bigint {
	let sizes = (1n << 64n) - 1n;
	for (const hwpt of ioas.hwpts) sizes &= hwpt.domain.pageSizes;
	return sizes & 0xfffn ? (sizes & ~0xfffn) | 0x1000n : sizes;
}

function ranges(ioas: Ioas): Uint8Array {
	const gaps = ioas.space.freeRanges();
	const bytes = new Uint8Array(RANGES.size + gaps.length * vfio_iova_range.size);
	HEADER.encode({ id: V.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, version: 1 }, bytes);
	new DataView(bytes.buffer).setUint32(RANGES.offsets.nr_iovas, gaps.length, true);
	gaps.forEach(({ start, last }, i) => {
		vfio_iova_range.encode({ start, end: last }, bytes, RANGES.size + i * vfio_iova_range.size);
	});
	return bytes;
}

function available(): Uint8Array {
	const bytes = new Uint8Array(AVAIL.size);
	HEADER.encode({ id: V.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, version: 1 }, bytes);
	new DataView(bytes.buffer).setUint32(AVAIL.offsets.avail, AVAILABLE, true);
	return bytes;
}
