/** Services that VFIO needs of the kernel. */
import type { IommuDevice } from "../contract/device.js";
import type { KernelServices } from "../process/services.js";

export interface VfioHost extends KernelServices {
	/** DMA on command turns bus mastering on if the program has not */
	readonly dmaTurnsMasteringOn: boolean;
	readonly hooks: VfioHooks;
}

/** Hooks into VFIO. They may be set at any time, so they are read at every call. */
export interface VfioHooks {
	/** Called when a device behind an IOMMU was reset. */
	onReset?: (device: IommuDevice) => void;
}
