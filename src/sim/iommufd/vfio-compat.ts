/** VFIO's container ioctls on /dev/iommu. */
import {
	ioctls,
	vfio_defines as V,
	vfio_iommu_type1_dma_map,
	vfio_iommu_type1_dma_unmap,
	vfio_iommu_type1_info,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { IOVA_MAX } from "../iova/interval-set.js";
import { faultAt } from "../memory/fault.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import type { Reasons } from "../why/reasons.js";
import { unknownCommandChecks } from "./checks/dispatch.js";
import {
	argChecks,
	checkExtensionChecks,
	getInfoChecks,
	mapDmaChecks,
	setIommuChecks,
	unmapDmaChecks,
	unmapRangeChecks,
} from "./checks/vfio-compat.js";
import type { IommufdContext } from "./context.js";
import type { Ioas } from "./ioas.js";
import { newPiece } from "./ioas-calls.js";
import { encodeInfo } from "./vfio-compat-info.js";

type Handler = (context: IommufdContext, process: Caller, arg: UserArg) => Ret;

const handlers = {
	VFIO_GET_API_VERSION: () => V.VFIO_API_VERSION,
	VFIO_CHECK_EXTENSION: checkExtension,
	VFIO_SET_IOMMU: setIommu,
	VFIO_IOMMU_GET_INFO: getInfo,
	VFIO_IOMMU_MAP_DMA: mapDma,
	VFIO_IOMMU_UNMAP_DMA: unmapDma,
} satisfies Partial<Record<keyof typeof ioctls, Handler>>;

/** The names of the calls. */
export type CompatName = keyof typeof handlers;

const byRequest = new Map<number, { readonly name: string; readonly handler: Handler }>();
for (const [name, handler] of Object.entries<Handler>(handlers)) byRequest.set(ioctls[name as CompatName].request, { name, handler });

/** VFIO type 1's calls, which /dev/iommu answers for programs that do not know iommufd. */
export function vfioCompat(context: IommufdContext, process: Caller, request: number, arg: UserArg): Ret {
	const { reasons } = context.system;
	const call = byRequest.get(request);
	if (call === undefined) return reasons.fail(unknownCommandChecks.unknownCommand, request);
	reasons.within(call.name);
	return call.handler(context, process, arg);
}

function checkExtension({ vfioIoas: ioas, system }: IommufdContext, _process: Caller, { value }: UserArg): Ret {
	switch (Number(value)) {
		case V.VFIO_TYPE1_IOMMU:
		case V.VFIO_TYPE1v2_IOMMU:
		case V.VFIO_UNMAP_ALL:
		case V.VFIO_NOIOMMU_IOMMU: // built in, whether or not it is enabled
			return 1;
		case V.VFIO_DMA_CC_IOMMU:
			if (ioas === undefined) return system.reasons.fail(checkExtensionChecks.noCompatIoas);
			return ioas.hwpts.every((hwpt) => hwpt.domain.enforcesCoherency) ? 1 : 0;
		default:
			return 0;
	}
}

function setIommu(context: IommufdContext, { reasons }: Caller, { value: type }: UserArg): Ret {
	if (type === BigInt(V.VFIO_NOIOMMU_IOMMU) && context.noIommu) return 0;
	const known = type === BigInt(V.VFIO_TYPE1_IOMMU) || type === BigInt(V.VFIO_TYPE1v2_IOMMU);
	if (context.noIommu) return reasons.fail(setIommuChecks.typeForNoIommu, `${type}`);
	if (!known) return reasons.fail(setIommuChecks.unknownType, `${type}`);
	const ioas = context.vfioIoas;
	if (ioas === undefined) return reasons.fail(setIommuChecks.noCompatIoas);
	return type === BigInt(V.VFIO_TYPE1_IOMMU) ? ioas.space.setLargePages(false) : 0;
}

/** The first `size` bytes of a struct that begins with argsz. -EFAULT, or -EINVAL where argsz is less than `size`. */
function copyArg({ memory, reasons }: Caller, arg: UserArg, size: number): Uint8Array | Ret {
	const bytes = new Uint8Array(size);
	if (arg.read(0, bytes) < 0) return reasons.fail(argChecks.argUnreadable, size, arg.value, faultAt(memory, arg.value, size, false));
	const argsz = new DataView(bytes.buffer).getUint32(0, true);
	return argsz < size ? reasons.fail(argChecks.argszTooSmall, argsz, size) : bytes;
}

function getInfo(context: IommufdContext, process: Caller, arg: UserArg): Ret {
	const bytes = copyArg(process, arg, vfio_iommu_type1_info.offsets.cap_offset);
	if (typeof bytes === "number") return bytes;
	const ioas = context.vfioIoas;
	if (ioas === undefined) return process.reasons.fail(getInfoChecks.noCompatIoas);
	return encodeInfo(ioas, process, arg, new DataView(bytes.buffer).getUint32(0, true));
}

function mapDma(context: IommufdContext, process: Caller, arg: UserArg): Ret {
	const bytes = copyArg(process, arg, vfio_iommu_type1_dma_map.size);
	if (typeof bytes === "number") return bytes;
	const { reasons } = process;
	const { flags, vaddr, iova, size } = vfio_iommu_type1_dma_map.decode(bytes);
	const readable = (flags & V.VFIO_DMA_MAP_FLAG_READ) !== 0;
	const writable = (flags & V.VFIO_DMA_MAP_FLAG_WRITE) !== 0;
	const unknown = flags & ~(V.VFIO_DMA_MAP_FLAG_READ | V.VFIO_DMA_MAP_FLAG_WRITE);
	if (unknown) return reasons.fail(mapDmaChecks.flags, flags, unknown >>> 0);
	const ioas = context.vfioIoas;
	if (ioas === undefined) return reasons.fail(mapDmaChecks.noCompatIoas);
	const { memory } = process;
	const piece = newPiece({ type: "user", memory, uptr: vaddr }, size, writable, process.reasons, context.system.release);
	if (typeof piece === "number") return piece;
	const result = ioas.space.map([piece], iova, { readable, writable });
	return result < 0n ? Number(result) : 0;
}

function unmapDma(context: IommufdContext, process: Caller, arg: UserArg): Ret {
	const { reasons, memory } = process;
	const bytes = copyArg(process, arg, vfio_iommu_type1_dma_unmap.size);
	if (typeof bytes === "number") return bytes;
	const request = vfio_iommu_type1_dma_unmap.decode(bytes);
	const unknown = request.flags & ~V.VFIO_DMA_UNMAP_FLAG_ALL;
	if (unknown) return reasons.fail(unmapDmaChecks.flags, request.flags, unknown >>> 0);
	const ioas = context.vfioIoas;
	if (ioas === undefined) return reasons.fail(unmapDmaChecks.noCompatIoas);
	let result: { rc: Ret; done: bigint };
	if (request.flags !== 0) {
		if (request.iova !== 0n || request.size !== 0n) return reasons.fail(unmapDmaChecks.allWithRange, request.iova, request.size);
		result = ioas.space.unmap(0n, IOVA_MAX);
	} else {
		const rc = cutEnds(ioas, request.iova, request.size);
		if (rc < 0) return rc;
		result = unmapRange(ioas, request.iova, request.size, reasons);
	}
	// The size that was unmapped is reported on failure too.
	vfio_iommu_type1_dma_unmap.encode({ ...request, size: result.done }, bytes);
	if (arg.write(0, bytes) < 0)
		return reasons.fail(unmapDmaChecks.answerNotWritable, arg.value, faultAt(memory, arg.value, bytes.length, true));
	if (result.rc < 0) return result.rc;
	const all = request.flags !== 0;
	if (result.done === 0n && !all && context.system.release?.lacks("vfio-unmap.nothing"))
		return reasons.fail(unmapDmaChecks.nothingMapped, request.iova, request.iova + request.size - 1n);
	return 0;
}

/** Type 1 (not v2) may unmap parts of a mapping: split the areas that extend beyond either end. */
function cutEnds(ioas: Ioas, iova: bigint, size: bigint): Ret {
	const { space } = ioas;
	if (space.largePages) return 0;
	const last = BigInt.asUintN(64, iova + size - 1n);
	return space.cut(iova === 0n ? [last] : [last, iova - 1n]);
}

function unmapRange(ioas: Ioas, iova: bigint, size: bigint, reasons: Reasons): { rc: Ret; done: bigint } {
	const last = iova + size - 1n;
	if (size === 0n) return { rc: reasons.fail(unmapRangeChecks.sizeZero), done: 0n };
	if (last > IOVA_MAX) return { rc: reasons.fail(unmapRangeChecks.rangeEnd, size, iova), done: 0n };
	return ioas.space.unmap(iova, last);
}
