/** Services that VFIO needs of the kernel. */
import type { KernelServices } from "../process/services.js";

export interface VfioHost extends KernelServices {
	/** DMA on command turns bus mastering on if the program has not */
	readonly dmaTurnsMasteringOn: boolean;
}
