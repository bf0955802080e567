/** The machine as the simulated kernel finds it: plain data, checked and complete. */

import type { Bdf } from "./bdf.js";
import type { PciModel } from "./pci-features.js";

/** A machine that is put together when a call needs its hardware. */
export interface LateMachine {
	/** it has the selftest's mock devices */
	readonly mocks: boolean;
	make(): Machine;
}

/** What a machine is made of, after checking. The file format is in parse.ts. */
export interface Machine {
	readonly name: string;
	/** its purpose, in one line */
	readonly about?: string;
	readonly arch: "x86-64" | "aarch64" | "riscv64" | "mixed";
	readonly kernel: KernelOptions;
	readonly iommus: readonly Iommu[];
	readonly bridges: readonly Bridge[];
	readonly devices: readonly PciDevice[];
	readonly siov: readonly SiovDevice[];
	readonly mdevs: readonly MediatedDevice[];
}

/** The kernel's build and boot options that affect its answers. */
export interface KernelOptions {
	/** iommufd.allow_unsafe_interrupts: BIND works without isolated MSIs */
	readonly unsafeInterrupts: boolean;
	/** vfio_pci.enable_sriov: a PF bound to vfio-pci may have VFs */
	readonly sriov: boolean;
	/** vfio.enable_unsafe_noiommu_mode */
	readonly noiommu: boolean;
	/** options for one kind of IOMMU only (BoardVendor.kernelOptions), by field name in a machine file */
	readonly vendor: Readonly<Record<string, boolean>>;
}

export interface ReservedRegion {
	/** first and last byte */
	readonly first: bigint;
	readonly last: bigint;
	readonly type: "msi" | "reserved" | "direct";
}

/** How many entries each cache holds; absent: the default. */
export interface CacheSizes {
	readonly iotlb?: number;
	/** 0: paging structures are not cached */
	readonly paging?: number;
	readonly pasid?: number;
	/** of each device */
	readonly atc?: number;
}

/** How many records the queues have room for that the IOMMU reports to its driver in; absent: as many as Linux gives them. */
export interface QueueSizes {
	readonly events?: number;
	readonly page_requests?: number;
}

/** The fields that every kind of IOMMU has; each vendor adds its own. */
export interface Iommu {
	/** the vendor's kind (BoardVendor.kind) */
	readonly kind: string;
	readonly name: string;
	/** regions that every device behind it reserves */
	readonly reserved: readonly ReservedRegion[];
	readonly caches: CacheSizes;
	readonly queues: QueueSizes;
	/** how it deviates from its specification (names of BoardVendor.quirks) */
	readonly quirks: readonly string[];
	/** names of what it has beyond its kind, by which scripts find its devices */
	readonly extensions?: readonly string[];
}

/**
 * root-port, upstream, downstream: PCIe ports. pcie-to-pci: replaces its devices' requester IDs
 * with 0.0 of its secondary bus. pci: a conventional bridge, which sends its own ID.
 */
export type BridgeType = "root-port" | "upstream" | "downstream" | "pcie-to-pci" | "pci";

export interface Bridge {
	readonly bdf: Bdf;
	readonly type: BridgeType;
	/** the bus below it */
	readonly secondary: number;
	/** access control: devices below it cannot reach their neighbours without going through the IOMMU */
	readonly acs: boolean;
	/** IOMMU group number, if the machine file fixes it */
	readonly group?: number;
}

/** What a device's registers are modelled on. */
export type DeviceModel = "edu" | "virtio-net" | "nvme" | "igb" | "igbvf" | "plain";

export interface PciDevice {
	readonly bdf: Bdf;
	/** a short name for messages and pictures */
	readonly role?: string;
	readonly vendor: number;
	readonly device: number;
	readonly model: DeviceModel;
	/** what it has in place of its model's */
	readonly features?: Partial<PciModel>;
	/** name of the IOMMU that translates for it; absent: none does */
	readonly iommu?: string;
	/** `vfio-pci`, the name of a host driver, or none */
	readonly driver?: string;
	/** N of /dev/vfio/devices/vfioN, for vfio-pci */
	readonly vfio?: number;
	/** bits of PASID; 0: no PASID capability */
	readonly pasidWidth: number;
	readonly ats: boolean;
	/** page requests it may have outstanding; 0: no PRI capability */
	readonly pri: number;
	/** its faulting transactions may stall (SMMUv3) */
	readonly stall: boolean;
	/** its functions are isolated from each other */
	readonly acs: boolean;
	/** sends function 0's requester ID for all functions of its slot */
	readonly function0Rid: boolean;
	/** a virtual function's physical function */
	readonly pf?: Bdf;
	readonly group?: number;
	/** reserved regions in addition to the IOMMU's */
	readonly reserved: readonly ReservedRegion[];
}

/** A virtual device that a driver carves out of a parent by PASID (Scalable IOV). */
export interface SiovDevice {
	readonly name: string;
	readonly parent: Bdf;
	/** its transactions carry this one unless it says otherwise */
	readonly pasid: number;
	/** all that it owns, `pasid` first */
	readonly pasids: readonly number[];
	readonly vfio: number;
}

/** A mediated device backed by software: no IOMMU sees its accesses. */
export interface MediatedDevice {
	readonly name: string;
	readonly parent?: Bdf;
	readonly vfio: number;
}

export function iommuOf(machine: Machine, device: PciDevice): Iommu | undefined {
	return machine.iommus.find((i) => i.name === device.iommu);
}
