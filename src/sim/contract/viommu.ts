/** The interfaces between iommufd's and the driver's halves of vIOMMUs and hardware queues. */
import type { Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { RegisterPages } from "../memory/register-pages.js";
import type { IommuDevice } from "./device.js";
import type { NestedDomain } from "./domain.js";
import type { IommuInstance } from "./driver.js";
import type { InvalidateArray, InvalidateResult } from "./invalidation.js";
import type { GivenData } from "./user-data.js";

/** iommufd's half of a vIOMMU. */
export interface ViommuCore {
	readonly iommu: IommuInstance;
	/** IOMMU_VIOMMU_TYPE_* */
	readonly viommuType: number;
	/** The device whose virtual ID is `virtId`. */
	findDevice(virtId: bigint): IommuDevice | undefined;
	/** The virtual ID of the device. */
	virtId(device: IommuDevice): bigint | undefined;
	/** Send an event to the vEVENTQ of the type: `lost` if it is full, undefined if there is none. */
	report(type: number, data: Uint8Array): "queued" | "lost" | undefined;
	/** Pages that user space can map at an offset (in pages) of the context's file; a mapping keeps the vIOMMU alive. */
	newMappable(pages: number): { readonly object: MemoryObject; readonly offset: number };
	/** The same for registers; `written` is told which bytes of them user space wrote. */
	newRegisters(
		pages: number,
		written: (offset: number, count: number) => void,
	): { readonly object: RegisterPages; readonly offset: number };
	removeMappable(offset: number): void;
}

/** iommufd's half of a hardware queue. */
export interface HwQueueCore {
	/** its memory: the address and the bytes that the caller gave, and the host-physical address, once it is pinned */
	readonly iova: bigint;
	readonly length: bigint;
	readonly pa: bigint;
	/** Another queue depends on it, which keeps it from being destroyed. */
	hold(by: HwQueueCore): void;
	letGo(): void;
}

/** The driver's half of a vIOMMU. */
export interface ViommuOps {
	/** a user-managed table in it; `flags` is IOMMU_HWPT_ALLOC_PASID or 0 */
	allocNested?(device: IommuDevice, flags: number, from: GivenData): NestedDomain | Ret;
	/** checks that a device may have a virtual ID in this vIOMMU */
	addVdevice?(device: IommuDevice, virtId: bigint): Ret;
	removeVdevice?(device: IommuDevice): void;
	invalidate?(array: InvalidateArray): InvalidateResult;
	/** -EOPNOTSUPP etc. before the range is looked at */
	hwQueueSupported?(type: number): Ret;
	/** the queue's pages are already pinned */
	initHwQueue?(queue: HwQueueCore, index: number): HwQueueOps | Ret;
	destroy?(): void;
}

/** The driver's half of a hardware queue. */
export interface HwQueueOps {
	destroy(): void;
}
