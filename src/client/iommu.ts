import { type Init, type Ioctl, type IoctlName, ioctls, type StructType } from "../../structs/index.js";
import type { Kernel } from "../kernel/kernel.js";
import { type Answer, callWithBytes } from "./call.js";

/** Method names and the calls they make. */
const methods = {
	destroy: "IOMMU_DESTROY",
	ioasAlloc: "IOMMU_IOAS_ALLOC",
	ioasAllowIovas: "IOMMU_IOAS_ALLOW_IOVAS",
	ioasCopy: "IOMMU_IOAS_COPY",
	ioasIovaRanges: "IOMMU_IOAS_IOVA_RANGES",
	ioasMap: "IOMMU_IOAS_MAP",
	ioasMapFile: "IOMMU_IOAS_MAP_FILE",
	ioasUnmap: "IOMMU_IOAS_UNMAP",
	ioasChangeProcess: "IOMMU_IOAS_CHANGE_PROCESS",
	ioasNoiommuGetPa: "IOMMU_IOAS_NOIOMMU_GET_PA",
	option: "IOMMU_OPTION",
	vfioIoas: "IOMMU_VFIO_IOAS",
	hwptAlloc: "IOMMU_HWPT_ALLOC",
	hwptInvalidate: "IOMMU_HWPT_INVALIDATE",
	hwptSetDirtyTracking: "IOMMU_HWPT_SET_DIRTY_TRACKING",
	hwptGetDirtyBitmap: "IOMMU_HWPT_GET_DIRTY_BITMAP",
	getHwInfo: "IOMMU_GET_HW_INFO",
	faultQueueAlloc: "IOMMU_FAULT_QUEUE_ALLOC",
	viommuAlloc: "IOMMU_VIOMMU_ALLOC",
	vdeviceAlloc: "IOMMU_VDEVICE_ALLOC",
	veventqAlloc: "IOMMU_VEVENTQ_ALLOC",
	hwQueueAlloc: "IOMMU_HW_QUEUE_ALLOC",
	testCmd: "IOMMU_TEST_CMD",
	vfioGetInfo: "VFIO_IOMMU_GET_INFO",
	vfioMapDma: "VFIO_IOMMU_MAP_DMA",
	vfioUnmapDma: "VFIO_IOMMU_UNMAP_DMA",
	deviceGetInfo: "VFIO_DEVICE_GET_INFO",
	deviceBind: "VFIO_DEVICE_BIND_IOMMUFD",
	deviceAttach: "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
	deviceDetach: "VFIO_DEVICE_DETACH_IOMMUFD_PT",
} as const satisfies Record<string, IoctlName>;

type ValueOf<N extends IoctlName> = (typeof ioctls)[N]["struct"] extends StructType<infer T, infer _P, infer _D> ? T : never;
type Method<N extends IoctlName> = (fields?: Init<ValueOf<N>>) => Answer<ValueOf<N>>;

/** The uAPI as functions: fields in, answer out. A field that is left out is zero, the size is the struct's. */
export type Iommu = { readonly [M in keyof typeof methods]: Method<(typeof methods)[M]> };

/** Calls on one open file: /dev/iommu, or a device's for those that are a device's. */
export function iommuOn(kernel: Kernel, fd: number): Iommu {
	const made: Record<string, (fields?: object) => Answer<unknown>> = {};
	for (const [method, name] of Object.entries(methods)) {
		const ioctl: Ioctl = ioctls[name];
		const struct = ioctl.struct as StructType;
		const sizeField = struct.fields[0].name;
		made[method] = (fields = {}) => callWithBytes(kernel, fd, ioctl, struct.encode({ [sizeField]: struct.size, ...fields }));
	}
	return made as unknown as Iommu;
}
