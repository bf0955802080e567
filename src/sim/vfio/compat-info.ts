import {
	vfio_defines as V,
	vfio_iommu_type1_info,
	vfio_iommu_type1_info_cap_iova_range as RANGES,
	vfio_iommu_type1_info_dma_avail as AVAIL,
	vfio_iova_range,
	vfio_info_cap_header as HEADER,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { Ioas } from "../iommufd/ioas.js";
import type { UserArg } from "../memory/user-arg.js";

/** Mappings that may still be made: no limit. */
const AVAILABLE = 0xffff;

/** Answer VFIO_IOMMU_GET_INFO: the struct, and the capabilities if `argsz` has room for them all. */
export function encodeInfo(ioas: Ioas, arg: UserArg, argsz: number): Ret {
	const info = vfio_iommu_type1_info;
	const room = Math.min(argsz, info.size);
	const capabilities = [ranges(ioas), available()];
	let total = info.size;
	for (const capability of capabilities) total += capability.length;
	const bytes = new Uint8Array(total);
	let at = info.size;
	const fits = argsz >= total;
	capabilities.forEach((capability, i) => {
		bytes.set(capability, at);
		const next = i + 1 < capabilities.length ? at + capability.length : 0;
		new DataView(bytes.buffer).setUint32(at + HEADER.offsets.next, next, true);
		at += capability.length;
	});
	info.encode(
		{
			argsz: room === info.size ? Math.max(total, 0) : argsz,
			flags: V.VFIO_IOMMU_INFO_PGSIZES | V.VFIO_IOMMU_INFO_CAPS,
			iova_pgsizes: pageSizes(ioas),
			cap_offset: fits ? info.size : 0,
		},
		bytes,
	);
	return arg.write(0, bytes.subarray(0, fits ? total : room));
}

/** The sizes that every page table of the IOAS has; without one, all from a page up. */
function pageSizes(ioas: Ioas): bigint {
	let sizes = (1n << 64n) - 1n;
	for (const hwpt of ioas.hwpts) sizes &= hwpt.domain.pageSizes;
	return sizes & ~(ioas.space.alignment - 1n) & ~0xfffn;
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
	const bytes = new Uint8Array((AVAIL.size + 7) & ~7);
	HEADER.encode({ id: V.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, version: 1 }, bytes);
	new DataView(bytes.buffer).setUint32(AVAIL.offsets.avail, AVAILABLE, true);
	return bytes;
}
