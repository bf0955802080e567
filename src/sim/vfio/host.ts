/** What VFIO asks of the kernel that it is in. */
import type { KernelServices } from "../process/services.js";

export interface VfioHost extends KernelServices {
	/** a device that does DMA when told to needs no bus mastering turned on before */
	readonly dmaTurnsMasteringOn: boolean;
}
