/** A vIOMMU and its hardware queues: what a driver may ask of iommufd's half, and what its own half does. */
import type { Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { IommuDevice } from "./device.js";
import type { NestedDomain } from "./domain.js";
import type { IommuInstance } from "./driver.js";
import type { InvalidateArray, InvalidateResult } from "./invalidation.js";
import type { AllocData } from "./user-data.js";

/** iommufd's half of a vIOMMU. */
export interface ViommuCore {
	readonly iommu: IommuInstance;
	/** The device that the guest calls `virtId`. */
	findDevice(virtId: bigint): IommuDevice | undefined;
	/** What the guest calls the device. */
	virtId(device: IommuDevice): bigint | undefined;
	/** Send an event to the guest's vEVENTQ of the type. false: it has none. */
	report(type: number, data: Uint8Array): boolean;
	/** Pages that user space can map at an offset (in pages) of the context's file; a mapping keeps the vIOMMU. */
	newMappable(pages: number): { readonly object: MemoryObject; readonly offset: number };
	removeMappable(offset: number): void;
}

/** iommufd's half of a hardware queue. */
export interface HwQueueCore {
	/** Another queue depends on it: it cannot be destroyed until that one lets go. */
	hold(): void;
	letGo(): void;
}

/** The driver's half of a vIOMMU. */
export interface ViommuOps {
	allocNested?(device: IommuDevice, flags: number, from: AllocData): NestedDomain | Ret;
	/** a device may stand in this vIOMMU under a virtual ID */
	addVdevice?(device: IommuDevice, virtId: bigint): Ret;
	removeVdevice?(device: IommuDevice): void;
	invalidate?(array: InvalidateArray): InvalidateResult;
	/** -EOPNOTSUPP etc. before the range is looked at */
	hwQueueSupported?(type: number): Ret;
	/** the queue's pages are pinned already */
	initHwQueue?(queue: HwQueueCore, index: number): HwQueueOps | Ret;
	destroy?(): void;
}

/** The driver's half of a hardware queue. */
export interface HwQueueOps {
	destroy(): void;
}
