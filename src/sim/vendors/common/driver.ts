/** What a vendor's driver is made from, and what it does besides what every driver does for the core. */
import type { Iommu, KernelOptions, PciDevice } from "../../board/description.js";
import type { IommuDriver, IommuInstance } from "../../contract/driver.js";
import type { PhysicalMemory } from "../../memory/physical-memory.js";
import type { IommuCaches } from "../../mmu/caches.js";
import type { HwDevice } from "./device.js";
import type { EventOutcome, RaisedEvent } from "./event.js";
import type { DriverHooks } from "./hooks.js";
import type { TableTranslator } from "./table-translator.js";

/** A physical IOMMU of a machine, with the driver that runs it. */
export interface HwIommu<D extends HwDriver = HwDriver> extends IommuInstance {
	readonly driver: D;
	readonly description: Iommu;
}

/** A driver of real hardware: what the core asks of every driver, and what VFIO and the machine ask besides. */
export interface HwDriver extends IommuDriver<HwDevice> {
	/** interrupts of its devices can not reach other devices' vectors; without it binding is EPERM */
	readonly isolatesMsi: boolean;
	/** bits of PASID that the device gets behind it; 0: none */
	pasidWidth(pci: PciDevice): number;
	/** IOMMU_HW_CAP_* of the device, besides dirty tracking */
	capabilities(pci: PciDevice): number;
	/** what it and the devices behind it have cached; absent: nothing is */
	readonly caches?: IommuCaches;
	/** PASIDs of one function can be given to different owners (Scalable IOV) */
	readonly splitsFunctions?: boolean;
	/** Reads a guest's whole PASID table: `base` is guest-physical, `size` the number of PASIDs, a power of two. */
	bindTable?(base: bigint, size: number): TableTranslator;
	/** A non-recoverable fault of a device, as the IOMMU would raise it. Throws a ControlError. */
	raise?(device: HwDevice, event: RaisedEvent): EventOutcome;
}

/** What a driver is made from. */
export interface DriverContext {
	readonly kernel: KernelOptions;
	readonly memory: PhysicalMemory;
	readonly hooks: DriverHooks;
	/** a line for the kernel log */
	warn(line: string): void;
}
