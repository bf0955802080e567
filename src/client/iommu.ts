/** The uAPI as methods, one for each call that takes a struct. */
import { type Init, type Ioctl, ioctls, rowOf, type StructCall, type StructType } from "../../structs/index.js";
import type { Kernel } from "../kernel/kernel.js";
import { type Answer, callWithBytes } from "./call.js";

/** The method of each call that takes a struct. */
const methods = {
	IOMMU_DESTROY: "destroy",
	IOMMU_IOAS_ALLOC: "ioasAlloc",
	IOMMU_IOAS_ALLOW_IOVAS: "ioasAllowIovas",
	IOMMU_IOAS_COPY: "ioasCopy",
	IOMMU_IOAS_IOVA_RANGES: "ioasIovaRanges",
	IOMMU_IOAS_MAP: "ioasMap",
	IOMMU_IOAS_MAP_FILE: "ioasMapFile",
	IOMMU_IOAS_UNMAP: "ioasUnmap",
	IOMMU_IOAS_CHANGE_PROCESS: "ioasChangeProcess",
	IOMMU_IOAS_NOIOMMU_GET_PA: "ioasNoiommuGetPa",
	IOMMU_OPTION: "option",
	IOMMU_VFIO_IOAS: "vfioIoas",
	IOMMU_HWPT_ALLOC: "hwptAlloc",
	IOMMU_HWPT_INVALIDATE: "hwptInvalidate",
	IOMMU_HWPT_SET_DIRTY_TRACKING: "hwptSetDirtyTracking",
	IOMMU_HWPT_GET_DIRTY_BITMAP: "hwptGetDirtyBitmap",
	IOMMU_GET_HW_INFO: "getHwInfo",
	IOMMU_FAULT_QUEUE_ALLOC: "faultQueueAlloc",
	IOMMU_VIOMMU_ALLOC: "viommuAlloc",
	IOMMU_VDEVICE_ALLOC: "vdeviceAlloc",
	IOMMU_VEVENTQ_ALLOC: "veventqAlloc",
	IOMMU_HW_QUEUE_ALLOC: "hwQueueAlloc",
	IOMMU_TEST_CMD: "testCmd",
	VFIO_IOMMU_GET_INFO: "vfioGetInfo",
	VFIO_IOMMU_MAP_DMA: "vfioMapDma",
	VFIO_IOMMU_UNMAP_DMA: "vfioUnmapDma",
	VFIO_DEVICE_GET_INFO: "deviceGetInfo",
	VFIO_DEVICE_BIND_IOMMUFD: "deviceBind",
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: "deviceAttach",
	VFIO_DEVICE_DETACH_IOMMUFD_PT: "deviceDetach",
} as const satisfies Record<StructCall, string>;

type ValueOf<N extends StructCall> = (typeof ioctls)[N]["struct"] extends StructType<infer T, infer _P, infer _D> ? T : never;
type Method<N extends StructCall> = (fields?: Init<ValueOf<N>>) => Answer<ValueOf<N>>;

/** The uAPI as functions: fields in, answer out. A field that is left out is zero, the size is the struct's. */
export type Iommu = { readonly [N in StructCall as (typeof methods)[N]]: Method<N> };

/** Calls on one open file: /dev/iommu, or a device's file for the calls that belong to a device. */
export function iommuOn(kernel: Kernel, fd: number): Iommu {
	const made: Record<string, (fields?: object) => Answer<unknown>> = {};
	for (const [name, method] of Object.entries(methods)) {
		const ioctl: Ioctl = rowOf(ioctls[name as StructCall]);
		const struct = ioctl.struct as StructType;
		const sizeField = struct.fields[0].name;
		made[method] = (fields = {}) => callWithBytes(kernel, fd, ioctl, struct.encode({ [sizeField]: struct.size, ...fields }));
	}
	return made as unknown as Iommu;
}
