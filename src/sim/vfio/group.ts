/** A VFIO group. */
import type { VfioDevice } from "./device.js";
import type { VfioHost } from "./host.js";

/** A VFIO group: the devices of one IOMMU group, with the file that opens it as a whole. */
export class VfioGroup {
	readonly devices: VfioDevice[] = [];
	/** its own file is open: devices can not be bound one by one */
	opened = false;
	/** devices that were bound one by one: the group can not be opened */
	boundAlone = 0;

	constructor(
		readonly host: VfioHost,
		readonly number: number,
		/** a driver of the host's uses one of its devices */
		readonly hostUses: boolean,
		/** nothing translates for it */
		readonly noIommu: boolean,
	) {}
}
