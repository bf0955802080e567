import type { Iommu, KernelOptions, PciDevice } from "../../board/description.js";
import type { IommuDriver, IommuInstance } from "../../contract/driver.js";
import type { PhysicalMemory } from "../../memory/physical-memory.js";

/** A physical IOMMU of a machine, with the driver that runs it. */
export interface HwIommu extends IommuInstance {
	readonly driver: HwDriver;
	readonly description: Iommu;
}

/** A driver of real hardware: what the core asks of every driver, and what VFIO and the machine ask besides. */
export interface HwDriver extends IommuDriver {
	/** interrupts of its devices can not reach other devices' vectors; without it binding is EPERM */
	readonly isolatesMsi: boolean;
	/** bits of PASID that the device gets behind it; 0: none */
	pasidWidth(pci: PciDevice): number;
	/** IOMMU_HW_CAP_* of the device, besides dirty tracking */
	capabilities(pci: PciDevice): number;
}

/** What a driver is made from. */
export interface DriverContext {
	readonly kernel: KernelOptions;
	readonly memory: PhysicalMemory;
	/** a line for the kernel log */
	warn(line: string): void;
}

/** Makes one IOMMU of the machine, with its driver. */
export type HwIommuFactory<T extends Iommu> = (description: T, context: DriverContext) => HwIommu;
