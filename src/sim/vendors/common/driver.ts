/** The interface of a hardware driver: what it needs, and what it provides beyond the core's driver interface. */
import type { Iommu, KernelOptions, PciDevice } from "../../board/description.js";
import type { Domain } from "../../contract/domain.js";
import type { DmaOutcome, IommuDriver, IommuInstance } from "../../contract/driver.js";
import type { PhysicalMemory } from "../../memory/physical-memory.js";
import type { IommuCaches } from "../../mmu/caches.js";
import type { Reasons } from "../../why/reasons.js";
import type { HwDevice } from "./device.js";
import type { DrawnWalk } from "./draw-walk.js";
import type { EventOutcome, RaisedEvent } from "./event.js";
import type { DriverHooks } from "./hooks.js";
import type { HardwareLog } from "./records.js";
import type { TableTranslator } from "./table-translator.js";

/** A physical IOMMU of a machine, with the driver that runs it. */
export interface HwIommu<D extends HwDriver = HwDriver> extends IommuInstance {
	readonly driver: D;
	readonly description: Iommu;
}

/** A driver for real hardware: the core's driver interface, extended for VFIO and the machine. */
export interface HwDriver extends IommuDriver<HwDevice> {
	/** its devices' interrupts cannot reach other devices' vectors; if false, BIND fails with EPERM */
	readonly isolatesMsi: boolean;
	/** bits of PASID that the device gets behind it; 0: none */
	pasidWidth(pci: PciDevice): number;
	/** IOMMU_HW_CAP_* of the device, without dirty tracking */
	capabilities(pci: PciDevice): number;
	/** the caches of the IOMMU and of the devices behind it; absent: it has none */
	readonly caches?: IommuCaches;
	/** what it reports to the driver: fault records, page requests, registers; absent: this is not simulated */
	readonly log?: HardwareLog;
	/** PASIDs of one function can be given to different owners (Scalable IOV) */
	readonly splitsFunctions?: boolean;
	/** Makes a translator for a guest's whole PASID table: `base` is guest-physical, `size` the number of PASIDs, a power of two. */
	bindTable?(base: bigint, size: number): TableTranslator;
	/** Answers a device's translation request (ATS) that its entry forbids, with the record that this leaves; undefined: the device may send it. */
	refuseAts?(device: HwDevice, iova: bigint, access: number, pasid?: number): (DmaOutcome & { ok: false }) | undefined;
	/** Draws how an access of a device (READ, WRITE, EXEC, PRIV) is translated, by the tables as they are now. Changes nothing. */
	walk?(device: HwDevice, iova: bigint, access: number, pasid?: number): DrawnWalk;
	/** The same for a page table, whoever uses it. */
	walkTable?(domain: Domain, iova: bigint, access: number, pasid?: number): DrawnWalk;
	/** Raises a non-recoverable fault of a device, as the IOMMU would. Throws a ControlError. */
	raise?(device: HwDevice, event: RaisedEvent): EventOutcome;
}

/** What a driver is made from. */
export interface DriverContext {
	readonly kernel: KernelOptions;
	readonly memory: PhysicalMemory;
	readonly hooks: DriverHooks;
	/** takes the checks that calls do not pass, and what else there is to explain */
	readonly reasons: Reasons;
	/** Writes a line to the kernel log. */
	warn(line: string): void;
}
