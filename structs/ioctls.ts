/** Every call: request number, struct, sizes, and the kernel release that introduced it. */
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
import { iommu_test_op } from "./selftest-enums.js";
import type { StructType } from "./struct-type.js";
import * as vfio from "./vfio.js";
import { iommu_hw_queue_alloc, iommu_vdevice_alloc, iommu_veventq_alloc, iommu_viommu_alloc } from "./viommu.js";

// biome-ignore lint/suspicious/noExplicitAny: any struct, whatever its value
type AnyStruct = StructType<any, any, any>;

/** Kinds of objects of a context, as far as calls make them. */
export type ObjectKind = "ioas" | "hwpt" | "fault" | "viommu" | "vdevice" | "veventq" | "hw-queue" | "device" | "selftest";

/** Kinds of files that calls open. */
export type FileKind = "fault" | "veventq" | "access" | "vfio";

/** A kind that is not declared here: a header's. */
type OtherKind = string & {};

/** An object that a successful call makes. */
export interface MadeObject {
	readonly object: ObjectKind | OtherKind;
	/** path of the field that returns its ID */
	readonly id: string;
	/** only with this value of the struct's `op` */
	readonly op?: number;
}

/** A file that a successful call opens. */
export interface MadeFile {
	readonly file: FileKind | OtherKind;
	/** path of the field that returns its descriptor */
	readonly fd: string;
	/** only with this value of the struct's `op` */
	readonly op?: number;
}

export interface Ioctl {
	readonly name: string;
	/** The full request number: the type `;` in bits 15:8, the number in bits 7:0. */
	readonly request: number;
	/** The request's low byte. */
	readonly nr: number;
	/** What the argument points to; null if it is a plain value, nothing, or a struct of variable length. */
	readonly struct: AnyStruct | null;
	/** The struct's size in the kernel, in bytes. */
	readonly size: number;
	/** The smallest size that the kernel accepts. */
	readonly minSize: number;
	/** The Linux release that introduced it; unknown for VFIO's old calls and for the newest ones. */
	readonly since?: string;
	/** Releases that extended the struct, with its size since then, in bytes. */
	readonly grew?: readonly (readonly [since: string, size: number])[];
	/** Everything that a successful call makes. */
	readonly makes?: readonly (MadeObject | MadeFile)[];
	/** The header (--uapi-file) that alone declares it; none of a call of this table. */
	readonly header?: string;
	/** Of a header's call: the declared call whose number it takes. */
	readonly replaces?: string;
}

/** What a row says besides the call's number and struct. */
interface Row extends Pick<Ioctl, "grew" | "makes"> {
	/** undefined: not known */
	readonly since: string | undefined;
	readonly minSize?: number;
}

const TYPE = 0x3b00;

function call<S extends AnyStruct | null>(name: string, nr: number, struct: S, row: Row): Ioctl & { readonly struct: S } {
	const { since, minSize, grew, makes } = row;
	// Getters, so that a struct's layout is only worked out when its size is needed.
	const sizes = {
		get size() {
			return struct?.size ?? 0;
		},
		get minSize() {
			return minSize ?? struct?.size ?? 0;
		},
	};
	const own = { name, request: TYPE | nr, nr, struct, ...(since && { since }), ...(grew && { grew }), ...(makes && { makes }) };
	return Object.freeze(Object.defineProperties(own, Object.getOwnPropertyDescriptors(sizes))) as Ioctl & { readonly struct: S };
}

const { IOMMU_TEST_OP_MOCK_DOMAIN, IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, IOMMU_TEST_OP_CREATE_ACCESS } = iommu_test_op;

/** A mock device: three objects at once. */
const mockDevice = (member: string, op: number): readonly MadeObject[] => [
	{ object: "selftest", id: `${member}.out_stdev_id`, op },
	{ object: "hwpt", id: `${member}.out_hwpt_id`, op },
	{ object: "device", id: `${member}.out_idev_id`, op },
];

/** Every call by its uAPI name. */
export const ioctls = Object.freeze({
	IOMMU_DESTROY: call("IOMMU_DESTROY", 0x80, iommu_destroy, { since: "6.2" }),
	IOMMU_IOAS_ALLOC: call("IOMMU_IOAS_ALLOC", 0x81, iommu_ioas_alloc, { since: "6.2", makes: [{ object: "ioas", id: "out_ioas_id" }] }),
	IOMMU_IOAS_ALLOW_IOVAS: call("IOMMU_IOAS_ALLOW_IOVAS", 0x82, iommu_ioas_allow_iovas, { since: "6.2" }),
	IOMMU_IOAS_COPY: call("IOMMU_IOAS_COPY", 0x83, iommu_ioas_copy, { since: "6.2" }),
	IOMMU_IOAS_IOVA_RANGES: call("IOMMU_IOAS_IOVA_RANGES", 0x84, iommu_ioas_iova_ranges, { since: "6.2" }),
	IOMMU_IOAS_MAP: call("IOMMU_IOAS_MAP", 0x85, iommu_ioas_map, { since: "6.2" }),
	IOMMU_IOAS_UNMAP: call("IOMMU_IOAS_UNMAP", 0x86, iommu_ioas_unmap, { since: "6.2" }),
	IOMMU_OPTION: call("IOMMU_OPTION", 0x87, iommu_option, { since: "6.2" }),
	IOMMU_VFIO_IOAS: call("IOMMU_VFIO_IOAS", 0x88, iommu_vfio_ioas, { since: "6.2" }),
	IOMMU_HWPT_ALLOC: call("IOMMU_HWPT_ALLOC", 0x89, iommu_hwpt_alloc, {
		since: "6.6",
		minSize: 24,
		// data_type, data_len and data_uptr; fault_id
		grew: [
			["6.7", 40],
			["6.11", 48],
		],
		makes: [{ object: "hwpt", id: "out_hwpt_id" }],
	}),
	IOMMU_GET_HW_INFO: call("IOMMU_GET_HW_INFO", 0x8a, iommu_hw_info, {
		since: "6.6",
		minSize: 32,
		// out_capabilities
		grew: [["6.7", 40]],
	}),
	IOMMU_HWPT_SET_DIRTY_TRACKING: call("IOMMU_HWPT_SET_DIRTY_TRACKING", 0x8b, iommu_hwpt_set_dirty_tracking, { since: "6.7" }),
	IOMMU_HWPT_GET_DIRTY_BITMAP: call("IOMMU_HWPT_GET_DIRTY_BITMAP", 0x8c, iommu_hwpt_get_dirty_bitmap, { since: "6.7" }),
	IOMMU_HWPT_INVALIDATE: call("IOMMU_HWPT_INVALIDATE", 0x8d, iommu_hwpt_invalidate, { since: "6.8" }),
	IOMMU_FAULT_QUEUE_ALLOC: call("IOMMU_FAULT_QUEUE_ALLOC", 0x8e, iommu_fault_alloc, {
		since: "6.11",
		makes: [
			{ object: "fault", id: "out_fault_id" },
			{ file: "fault", fd: "out_fault_fd" },
		],
	}),
	IOMMU_IOAS_MAP_FILE: call("IOMMU_IOAS_MAP_FILE", 0x8f, iommu_ioas_map_file, { since: "6.13" }),
	IOMMU_VIOMMU_ALLOC: call("IOMMU_VIOMMU_ALLOC", 0x90, iommu_viommu_alloc, {
		since: "6.13",
		minSize: 24,
		// data_len and data_uptr
		grew: [["6.17", 40]],
		makes: [{ object: "viommu", id: "out_viommu_id" }],
	}),
	IOMMU_VDEVICE_ALLOC: call("IOMMU_VDEVICE_ALLOC", 0x91, iommu_vdevice_alloc, {
		since: "6.13",
		makes: [{ object: "vdevice", id: "out_vdevice_id" }],
	}),
	IOMMU_IOAS_CHANGE_PROCESS: call("IOMMU_IOAS_CHANGE_PROCESS", 0x92, iommu_ioas_change_process, { since: "6.14" }),
	IOMMU_VEVENTQ_ALLOC: call("IOMMU_VEVENTQ_ALLOC", 0x93, iommu_veventq_alloc, {
		since: "6.15",
		minSize: 28,
		makes: [
			{ object: "veventq", id: "out_veventq_id" },
			{ file: "veventq", fd: "out_veventq_fd" },
		],
	}),
	IOMMU_HW_QUEUE_ALLOC: call("IOMMU_HW_QUEUE_ALLOC", 0x94, iommu_hw_queue_alloc, {
		since: "6.17",
		makes: [{ object: "hw-queue", id: "out_hw_queue_id" }],
	}),
	IOMMU_IOAS_NOIOMMU_GET_PA: call("IOMMU_IOAS_NOIOMMU_GET_PA", 0x95, iommu_ioas_noiommu_get_pa, { since: undefined }),
	IOMMU_TEST_CMD: call("IOMMU_TEST_CMD", 0xa0, iommu_test_cmd, {
		since: "6.2",
		minSize: 68,
		makes: [
			...mockDevice("mock_domain", IOMMU_TEST_OP_MOCK_DOMAIN),
			...mockDevice("mock_domain_flags", IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS),
			{ file: "access", fd: "create_access.out_access_fd", op: IOMMU_TEST_OP_CREATE_ACCESS },
		],
	}),
	VFIO_GET_API_VERSION: call("VFIO_GET_API_VERSION", 0x64, null, { since: undefined }),
	VFIO_CHECK_EXTENSION: call("VFIO_CHECK_EXTENSION", 0x65, null, { since: undefined }),
	VFIO_SET_IOMMU: call("VFIO_SET_IOMMU", 0x66, null, { since: undefined }),
	VFIO_DEVICE_GET_INFO: call("VFIO_DEVICE_GET_INFO", 0x6b, vfio.vfio_device_info, { since: undefined }),
	VFIO_IOMMU_GET_INFO: call("VFIO_IOMMU_GET_INFO", 0x70, vfio.vfio_iommu_type1_info, { since: undefined }),
	VFIO_IOMMU_MAP_DMA: call("VFIO_IOMMU_MAP_DMA", 0x71, vfio.vfio_iommu_type1_dma_map, { since: undefined }),
	VFIO_IOMMU_UNMAP_DMA: call("VFIO_IOMMU_UNMAP_DMA", 0x72, vfio.vfio_iommu_type1_dma_unmap, { since: undefined }),
	VFIO_IOMMU_ENABLE: call("VFIO_IOMMU_ENABLE", 0x73, null, { since: undefined }),
	VFIO_IOMMU_DISABLE: call("VFIO_IOMMU_DISABLE", 0x74, null, { since: undefined }),
	// The next two share a number: one is for a container (or /dev/iommu), the other for a device's file.
	VFIO_IOMMU_DIRTY_PAGES: call("VFIO_IOMMU_DIRTY_PAGES", 0x75, null, { since: undefined }),
	VFIO_DEVICE_FEATURE: call("VFIO_DEVICE_FEATURE", 0x75, null, { since: undefined }),
	VFIO_DEVICE_BIND_IOMMUFD: call("VFIO_DEVICE_BIND_IOMMUFD", 0x76, vfio.vfio_device_bind_iommufd, {
		since: "6.6",
		makes: [{ object: "device", id: "out_devid" }],
	}),
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: call("VFIO_DEVICE_ATTACH_IOMMUFD_PT", 0x77, vfio.vfio_device_attach_iommufd_pt, { since: "6.6" }),
	VFIO_DEVICE_DETACH_IOMMUFD_PT: call("VFIO_DEVICE_DETACH_IOMMUFD_PT", 0x78, vfio.vfio_device_detach_iommufd_pt, { since: "6.6" }),
});

/** A call's name. Tables about every call are written `satisfies Record<IommuCall, ...>`, so that the compiler names each one that a new call lacks. */
export type IommuCall = keyof typeof ioctls;

/** Calls that take a struct. */
export type StructCall = { [N in IommuCall]: (typeof ioctls)[N]["struct"] extends null ? never : N }[IommuCall];

/** iommufd's own commands, which every context of a kernel knows; the selftest driver's comes with that driver. */
export type CommandName = Exclude<Extract<IommuCall, `IOMMU_${string}`>, "IOMMU_TEST_CMD">;

export const isMadeFile = (made: MadeObject | MadeFile): made is MadeFile => "file" in made;
export const isMadeObject = (made: MadeObject | MadeFile): made is MadeObject => "object" in made;

/** Calls on the file of a VFIO group that pass a file. They do not belong to iommufd and have no struct here. */
export const groupCalls = Object.freeze({
	/** points to a container's descriptor */
	VFIO_GROUP_SET_CONTAINER: TYPE | 0x68,
	/** points to a device's name, and returns the descriptor of its new file as its value */
	VFIO_GROUP_GET_DEVICE_FD: TYPE | 0x6a,
});
