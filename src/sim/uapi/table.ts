/** Parts of the uAPI that are newer than their call, with the release that added them. */

/*
 * They are taken from the kernels' release notes and headers. structs/ioctls.ts says when a call itself was added and
 * how its struct grew. `since` is absent where the release is unknown: then only the newest one has it.
 */
import { type Ioctl, type IommuCall, ioctls, mock_flags_device as MOCK, iommu_test_op as OP } from "../../../structs/index.js";

export interface Growth {
	readonly call: IommuCall;
	/** sizes of the struct in bytes, each with the release that introduced it */
	readonly sizes: readonly (readonly [since: string, size: number])[];
}

/** Structs that grew, from the calls' rows. All others have always had one size. */
export const growth: readonly Growth[] = Object.values<Ioctl>(ioctls)
	.filter(({ grew }) => grew !== undefined)
	.map(({ name, since, minSize, grew = [] }) => ({ call: name as IommuCall, sizes: [[since as string, minSize], ...grew] }));

export interface Constant {
	readonly call: IommuCall;
	/** path in the call's struct */
	readonly field: string;
	/** uAPI names, in the field's set */
	readonly names: readonly string[];
	readonly since?: string;
	/** looked at only once the call's objects are found */
	readonly late?: true;
}

/** Flags that a call takes since a release; older ones answer EOPNOTSUPP. */
export const flags: readonly Constant[] = [
	{ call: "IOMMU_HWPT_ALLOC", field: "flags", names: ["IOMMU_HWPT_ALLOC_NEST_PARENT", "IOMMU_HWPT_ALLOC_DIRTY_TRACKING"], since: "6.7" },
	{ call: "IOMMU_HWPT_ALLOC", field: "flags", names: ["IOMMU_HWPT_FAULT_ID_VALID"], since: "6.11", late: true },
	// The header has it since 6.13; IOMMU_HWPT_ALLOC takes it since 6.15.
	{ call: "IOMMU_HWPT_ALLOC", field: "flags", names: ["IOMMU_HWPT_ALLOC_PASID"], since: "6.15", late: true },
	{ call: "IOMMU_GET_HW_INFO", field: "flags", names: ["IOMMU_HW_INFO_FLAG_INPUT_TYPE"], since: "6.17" },
];

/** Types of a driver's data; older releases answer EOPNOTSUPP. The selftest driver's types are always known. */
export const values: readonly Constant[] = [
	{ call: "IOMMU_HWPT_ALLOC", field: "data_type", names: ["IOMMU_HWPT_DATA_VTD_S1"], since: "6.7" },
	{ call: "IOMMU_HWPT_ALLOC", field: "data_type", names: ["IOMMU_HWPT_DATA_ARM_SMMUV3"], since: "6.13", late: true },
	{ call: "IOMMU_HWPT_ALLOC", field: "data_type", names: ["IOMMU_HWPT_DATA_AMD_GUEST"], late: true },
	{ call: "IOMMU_VIOMMU_ALLOC", field: "type", names: ["IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV"], since: "6.17" },
	{ call: "IOMMU_VEVENTQ_ALLOC", field: "type", names: ["IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV"], since: "6.17" },
];

export interface Answered {
	readonly call: IommuCall;
	readonly field: string;
	/** bits of the field; absent: all of it */
	readonly mask?: bigint;
	/** the field was reserved before: EOPNOTSUPP unless zero */
	readonly reserved?: true;
	readonly since?: string;
	/** older long-term kernels that have it all the same */
	readonly also?: readonly string[];
}

/** Bits that kernels report since a release; in older ones they are zero. */
export const answered: readonly Answered[] = [
	{ call: "IOMMU_GET_HW_INFO", field: "out_max_pasid_log2", reserved: true, since: "6.15", also: ["6.12"] },
	// IOMMU_HW_CAP_PCI_PASID_EXEC and _PRIV
	{ call: "IOMMU_GET_HW_INFO", field: "out_capabilities", mask: 0x6n, since: "6.15", also: ["6.12"] },
	// IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED
	{ call: "IOMMU_GET_HW_INFO", field: "out_capabilities", mask: 0x8n },
];

/** The selftest driver's operations that are newer than Linux 6.2, with their releases. */
export const testOps: ReadonlyMap<number, string> = new Map<number, string>([
	[OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, "6.6"],
	[OP.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, "6.6"],
	[OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, "6.7"],
	[OP.IOMMU_TEST_OP_DIRTY, "6.7"],
	[OP.IOMMU_TEST_OP_MD_CHECK_IOTLB, "6.8"],
	[OP.IOMMU_TEST_OP_TRIGGER_IOPF, "6.11"],
	[OP.IOMMU_TEST_OP_DEV_CHECK_CACHE, "6.13"],
	[OP.IOMMU_TEST_OP_TRIGGER_VEVENT, "6.15"],
	[OP.IOMMU_TEST_OP_PASID_ATTACH, "6.15"],
	[OP.IOMMU_TEST_OP_PASID_REPLACE, "6.15"],
	[OP.IOMMU_TEST_OP_PASID_DETACH, "6.15"],
	[OP.IOMMU_TEST_OP_PASID_CHECK_HWPT, "6.15"],
	[OP.IOMMU_TEST_OP_DMABUF_GET, "6.19"],
	[OP.IOMMU_TEST_OP_DMABUF_REVOKE, "6.19"],
]);

/** Kinds of mock devices. `until`: the release that no longer knows the flag. */
export const testDevices: readonly { readonly flag: number; readonly name: string; readonly since: string; readonly until?: string }[] = [
	{ flag: MOCK.MOCK_FLAGS_DEVICE_NO_DIRTY, name: "MOCK_FLAGS_DEVICE_NO_DIRTY", since: "6.7" },
	{ flag: 2, name: "MOCK_FLAGS_DEVICE_HUGE_IOVA", since: "6.8", until: "6.19" },
	{ flag: MOCK.MOCK_FLAGS_DEVICE_PASID, name: "MOCK_FLAGS_DEVICE_PASID", since: "6.15" },
];

/** The releases that added parts of VFIO's device files. */
export const vfio = {
	/** /dev/vfio/devices, and binding a device to /dev/iommu */
	devices: "6.6",
	/** VFIO_DEVICE_ATTACH_PASID, VFIO_DEVICE_DETACH_PASID; before, flags are EINVAL */
	pasid: "6.15",
	/** VFIO_DEVICE_BIND_FLAG_TOKEN */
	token: "6.17",
	/** what their rules are called */
	names: {
		devices: "/dev/vfio/devices",
		pasid: "VFIO_DEVICE_ATTACH_PASID and VFIO_DEVICE_DETACH_PASID",
		token: "VFIO_DEVICE_BIND_FLAG_TOKEN",
	},
} as const;
