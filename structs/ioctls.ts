/** Every call: request number, struct, sizes, and the kernel release that brought it. */
import { iommu_destroy, iommu_fault_alloc, iommu_ioas_change_process, iommu_option, iommu_vfio_ioas } from "./general.js";
import { iommu_hw_info } from "./hwinfo.js";
import { iommu_hwpt_alloc, iommu_hwpt_get_dirty_bitmap, iommu_hwpt_set_dirty_tracking } from "./hwpt.js";
import { iommu_hwpt_invalidate } from "./invalidate.js";
import {
	iommu_ioas_alloc,
	iommu_ioas_allow_iovas,
	iommu_ioas_copy,
	iommu_ioas_iova_ranges,
	iommu_ioas_map,
	iommu_ioas_map_file,
	iommu_ioas_noiommu_get_pa,
	iommu_ioas_unmap,
} from "./ioas.js";
import { iommu_test_cmd } from "./selftest-cmd.js";
import type { StructType } from "./struct-type.js";
import * as vfio from "./vfio.js";
import { iommu_hw_queue_alloc, iommu_vdevice_alloc, iommu_veventq_alloc, iommu_viommu_alloc } from "./viommu.js";

// biome-ignore lint/suspicious/noExplicitAny: any struct, whatever its value
type AnyStruct = StructType<any, any, any>;

export interface Ioctl {
	readonly name: string;
	/** The full request number: the type `;` in bits 15:8, the number in bits 7:0. */
	readonly request: number;
	/** The request's low byte. */
	readonly nr: number;
	/** What the argument points to; null where it is a plain value, nothing, or a struct of open length. */
	readonly struct: AnyStruct | null;
	/** The struct's size in the kernel, in bytes. */
	readonly size: number;
	/** The least size the kernel takes. */
	readonly minSize: number;
	/** The Linux release that brought it; unknown for VFIO's old calls and for what is newest. */
	readonly since?: string;
}

const TYPE = 0x3b00;

function call<S extends AnyStruct | null>(
	name: string,
	nr: number,
	struct: S,
	since?: string,
	minSize?: number,
): Ioctl & { readonly struct: S } {
	// Sizes are asked of the struct when they are needed: its layout is not worked out before.
	const sizes = {
		get size() {
			return struct?.size ?? 0;
		},
		get minSize() {
			return minSize ?? struct?.size ?? 0;
		},
	};
	return Object.freeze(
		Object.defineProperties({ name, request: TYPE | nr, nr, struct, ...(since && { since }) }, Object.getOwnPropertyDescriptors(sizes)),
	) as Ioctl & { readonly struct: S };
}

/** Every call by its uAPI name. */
export const ioctls = Object.freeze({
	IOMMU_DESTROY: call("IOMMU_DESTROY", 0x80, iommu_destroy, "6.2"),
	IOMMU_IOAS_ALLOC: call("IOMMU_IOAS_ALLOC", 0x81, iommu_ioas_alloc, "6.2"),
	IOMMU_IOAS_ALLOW_IOVAS: call("IOMMU_IOAS_ALLOW_IOVAS", 0x82, iommu_ioas_allow_iovas, "6.2"),
	IOMMU_IOAS_COPY: call("IOMMU_IOAS_COPY", 0x83, iommu_ioas_copy, "6.2"),
	IOMMU_IOAS_IOVA_RANGES: call("IOMMU_IOAS_IOVA_RANGES", 0x84, iommu_ioas_iova_ranges, "6.2"),
	IOMMU_IOAS_MAP: call("IOMMU_IOAS_MAP", 0x85, iommu_ioas_map, "6.2"),
	IOMMU_IOAS_UNMAP: call("IOMMU_IOAS_UNMAP", 0x86, iommu_ioas_unmap, "6.2"),
	IOMMU_OPTION: call("IOMMU_OPTION", 0x87, iommu_option, "6.2"),
	IOMMU_VFIO_IOAS: call("IOMMU_VFIO_IOAS", 0x88, iommu_vfio_ioas, "6.2"),
	IOMMU_HWPT_ALLOC: call("IOMMU_HWPT_ALLOC", 0x89, iommu_hwpt_alloc, "6.6", 24),
	IOMMU_GET_HW_INFO: call("IOMMU_GET_HW_INFO", 0x8a, iommu_hw_info, "6.6", 32),
	IOMMU_HWPT_SET_DIRTY_TRACKING: call("IOMMU_HWPT_SET_DIRTY_TRACKING", 0x8b, iommu_hwpt_set_dirty_tracking, "6.7"),
	IOMMU_HWPT_GET_DIRTY_BITMAP: call("IOMMU_HWPT_GET_DIRTY_BITMAP", 0x8c, iommu_hwpt_get_dirty_bitmap, "6.7"),
	IOMMU_HWPT_INVALIDATE: call("IOMMU_HWPT_INVALIDATE", 0x8d, iommu_hwpt_invalidate, "6.8"),
	IOMMU_FAULT_QUEUE_ALLOC: call("IOMMU_FAULT_QUEUE_ALLOC", 0x8e, iommu_fault_alloc, "6.11"),
	IOMMU_IOAS_MAP_FILE: call("IOMMU_IOAS_MAP_FILE", 0x8f, iommu_ioas_map_file, "6.13"),
	IOMMU_VIOMMU_ALLOC: call("IOMMU_VIOMMU_ALLOC", 0x90, iommu_viommu_alloc, "6.13", 24),
	IOMMU_VDEVICE_ALLOC: call("IOMMU_VDEVICE_ALLOC", 0x91, iommu_vdevice_alloc, "6.13"),
	IOMMU_IOAS_CHANGE_PROCESS: call("IOMMU_IOAS_CHANGE_PROCESS", 0x92, iommu_ioas_change_process, "6.14"),
	IOMMU_VEVENTQ_ALLOC: call("IOMMU_VEVENTQ_ALLOC", 0x93, iommu_veventq_alloc, "6.15", 28),
	IOMMU_HW_QUEUE_ALLOC: call("IOMMU_HW_QUEUE_ALLOC", 0x94, iommu_hw_queue_alloc, "6.17"),
	IOMMU_IOAS_NOIOMMU_GET_PA: call("IOMMU_IOAS_NOIOMMU_GET_PA", 0x95, iommu_ioas_noiommu_get_pa),
	IOMMU_TEST_CMD: call("IOMMU_TEST_CMD", 0xa0, iommu_test_cmd, "6.2", 68),
	VFIO_GET_API_VERSION: call("VFIO_GET_API_VERSION", 0x64, null),
	VFIO_CHECK_EXTENSION: call("VFIO_CHECK_EXTENSION", 0x65, null),
	VFIO_SET_IOMMU: call("VFIO_SET_IOMMU", 0x66, null),
	VFIO_DEVICE_GET_INFO: call("VFIO_DEVICE_GET_INFO", 0x6b, vfio.vfio_device_info),
	VFIO_IOMMU_GET_INFO: call("VFIO_IOMMU_GET_INFO", 0x70, vfio.vfio_iommu_type1_info),
	VFIO_IOMMU_MAP_DMA: call("VFIO_IOMMU_MAP_DMA", 0x71, vfio.vfio_iommu_type1_dma_map),
	VFIO_IOMMU_UNMAP_DMA: call("VFIO_IOMMU_UNMAP_DMA", 0x72, vfio.vfio_iommu_type1_dma_unmap),
	VFIO_IOMMU_ENABLE: call("VFIO_IOMMU_ENABLE", 0x73, null),
	VFIO_IOMMU_DISABLE: call("VFIO_IOMMU_DISABLE", 0x74, null),
	// The next two share a number: one is for a container (or /dev/iommu), the other for a device's file.
	VFIO_IOMMU_DIRTY_PAGES: call("VFIO_IOMMU_DIRTY_PAGES", 0x75, null),
	VFIO_DEVICE_FEATURE: call("VFIO_DEVICE_FEATURE", 0x75, null),
	VFIO_DEVICE_BIND_IOMMUFD: call("VFIO_DEVICE_BIND_IOMMUFD", 0x76, vfio.vfio_device_bind_iommufd, "6.6"),
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: call("VFIO_DEVICE_ATTACH_IOMMUFD_PT", 0x77, vfio.vfio_device_attach_iommufd_pt, "6.6"),
	VFIO_DEVICE_DETACH_IOMMUFD_PT: call("VFIO_DEVICE_DETACH_IOMMUFD_PT", 0x78, vfio.vfio_device_detach_iommufd_pt, "6.6"),
});

export type IoctlName = keyof typeof ioctls;

const byRequest = new Map<number, Ioctl>();
for (const ioctl of Object.values<Ioctl>(ioctls)) {
	if (!byRequest.has(ioctl.request)) byRequest.set(ioctl.request, ioctl);
}

/**
 * The call of a full request number. The number that two calls share (0x3b75) answers the one of the file's kind:
 * VFIO_DEVICE_FEATURE for a device's file, VFIO_IOMMU_DIRTY_PAGES for /dev/iommu.
 */
export function ioctlByRequest(request: number, file: "context" | "device" = "context"): Ioctl | undefined {
	const ioctl = byRequest.get(request);
	return file === "device" && ioctl === ioctls.VFIO_IOMMU_DIRTY_PAGES ? ioctls.VFIO_DEVICE_FEATURE : ioctl;
}

/** The call of a uAPI name. */
export function ioctlByName(name: string): Ioctl | undefined {
	return Object.hasOwn(ioctls, name) ? ioctls[name as IoctlName] : undefined;
}
