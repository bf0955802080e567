/** VFIO's container ioctls on /dev/iommu. */
import {
	ioctls,
	vfio_defines as V,
	vfio_iommu_type1_dma_map,
	vfio_iommu_type1_dma_unmap,
	vfio_iommu_type1_info,
} from "../../../structs/index.js";
import { EINVAL, ENODEV, ENOENT, ENOTTY, EOVERFLOW } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { IOVA_MAX } from "../iova/interval-set.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import type { IommufdContext } from "./context.js";
import type { Ioas } from "./ioas.js";
import { newPiece } from "./ioas-calls.js";
import { encodeInfo } from "./vfio-compat-info.js";

/** VFIO type 1's calls, which /dev/iommu answers for programs that do not know iommufd. */
export function vfioCompat(context: IommufdContext, process: Caller, request: number, arg: UserArg): Ret {
	switch (request) {
		case ioctls.VFIO_GET_API_VERSION.request:
			return V.VFIO_API_VERSION;
		case ioctls.VFIO_CHECK_EXTENSION.request:
			return checkExtension(context, arg.value);
		case ioctls.VFIO_SET_IOMMU.request:
			return setIommu(context, arg.value);
		case ioctls.VFIO_IOMMU_GET_INFO.request:
			return getInfo(context, arg);
		case ioctls.VFIO_IOMMU_MAP_DMA.request:
			return mapDma(context, process, arg);
		case ioctls.VFIO_IOMMU_UNMAP_DMA.request:
			return unmapDma(context, arg);
		default:
			return -ENOTTY;
	}
}

function checkExtension(context: IommufdContext, extension: bigint): Ret {
	switch (Number(extension)) {
		case V.VFIO_TYPE1_IOMMU:
		case V.VFIO_TYPE1v2_IOMMU:
		case V.VFIO_UNMAP_ALL:
		case V.VFIO_NOIOMMU_IOMMU: // built in, whether or not it is enabled
			return 1;
		case V.VFIO_DMA_CC_IOMMU: {
			const ioas = context.vfioIoas;
			if (ioas === undefined) return -ENODEV;
			return ioas.hwpts.every((hwpt) => hwpt.domain.enforcesCoherency) ? 1 : 0;
		}
		default:
			return 0;
	}
}

function setIommu(context: IommufdContext, type: bigint): Ret {
	if (type === BigInt(V.VFIO_NOIOMMU_IOMMU) && context.noIommu) return 0;
	const known = type === BigInt(V.VFIO_TYPE1_IOMMU) || type === BigInt(V.VFIO_TYPE1v2_IOMMU);
	if (!known || context.noIommu) return -EINVAL;
	const ioas = context.vfioIoas;
	if (ioas === undefined) return -ENODEV;
	return type === BigInt(V.VFIO_TYPE1_IOMMU) ? ioas.space.setLargePages(false) : 0;
}

/** The first `size` bytes of a struct that begins with argsz. -EFAULT, or -EINVAL where argsz is less than `size`. */
function copyArg(arg: UserArg, size: number): Uint8Array | Ret {
	const bytes = new Uint8Array(size);
	const rc = arg.read(0, bytes);
	if (rc < 0) return rc;
	return new DataView(bytes.buffer).getUint32(0, true) < size ? -EINVAL : bytes;
}

function getInfo(context: IommufdContext, arg: UserArg): Ret {
	const bytes = copyArg(arg, vfio_iommu_type1_info.offsets.cap_offset);
	if (typeof bytes === "number") return bytes;
	const ioas = context.vfioIoas;
	if (ioas === undefined) return -ENODEV;
	return encodeInfo(ioas, arg, new DataView(bytes.buffer).getUint32(0, true));
}

function mapDma(context: IommufdContext, process: Caller, arg: UserArg): Ret {
	const bytes = copyArg(arg, vfio_iommu_type1_dma_map.size);
	if (typeof bytes === "number") return bytes;
	const { flags, vaddr, iova, size } = vfio_iommu_type1_dma_map.decode(bytes);
	const readable = (flags & V.VFIO_DMA_MAP_FLAG_READ) !== 0;
	const writable = (flags & V.VFIO_DMA_MAP_FLAG_WRITE) !== 0;
	if (flags & ~(V.VFIO_DMA_MAP_FLAG_READ | V.VFIO_DMA_MAP_FLAG_WRITE)) return -EINVAL;
	const ioas = context.vfioIoas;
	if (ioas === undefined) return -ENODEV;
	const { memory } = process;
	const piece = newPiece({ type: "user", memory, uptr: vaddr }, size, writable, process.reasons, context.system.release);
	if (typeof piece === "number") return piece;
	const result = ioas.space.map([piece], iova, { readable, writable });
	return result < 0n ? Number(result) : 0;
}

function unmapDma(context: IommufdContext, arg: UserArg): Ret {
	const bytes = copyArg(arg, vfio_iommu_type1_dma_unmap.size);
	if (typeof bytes === "number") return bytes;
	const request = vfio_iommu_type1_dma_unmap.decode(bytes);
	if (request.flags & ~V.VFIO_DMA_UNMAP_FLAG_ALL) return -EINVAL;
	const ioas = context.vfioIoas;
	if (ioas === undefined) return -ENODEV;
	let result: { rc: Ret; done: bigint };
	if (request.flags !== 0) {
		if (request.iova !== 0n || request.size !== 0n) return -EINVAL;
		result = ioas.space.unmap(0n, IOVA_MAX);
	} else {
		const rc = cutEnds(ioas, request.iova, request.size);
		if (rc < 0) return rc;
		result = unmapRange(ioas, request.iova, request.size);
	}
	// The size that was unmapped is reported on failure too.
	vfio_iommu_type1_dma_unmap.encode({ ...request, size: result.done }, bytes);
	const written = arg.write(0, bytes);
	if (written < 0 || result.rc < 0) return written || result.rc;
	const all = request.flags !== 0;
	return result.done === 0n && !all && context.system.release?.lacks("vfio-unmap.nothing") ? -ENOENT : 0;
}

/** Type 1 (not v2) may unmap parts of a mapping: split the areas that extend beyond either end. */
function cutEnds(ioas: Ioas, iova: bigint, size: bigint): Ret {
	const { space } = ioas;
	if (space.largePages) return 0;
	const last = BigInt.asUintN(64, iova + size - 1n);
	return space.cut(iova === 0n ? [last] : [last, iova - 1n]);
}

function unmapRange(ioas: Ioas, iova: bigint, size: bigint): { rc: Ret; done: bigint } {
	const last = iova + size - 1n;
	if (size === 0n) return { rc: -EINVAL, done: 0n };
	if (last > IOVA_MAX) return { rc: -EOVERFLOW, done: 0n };
	return ioas.space.unmap(iova, last);
}
