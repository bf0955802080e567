/** VFIO's state of an IOMMU group. */
import type { VfioDevice } from "./device.js";
import type { VfioHost } from "./host.js";

/** Names for a text. */
export function listed(names: readonly string[]): string {
	return names.length === 0 ? "none" : names.join(", ");
}

/** A VFIO group: the devices of one IOMMU group, with the file that opens the group as a whole. */
export class VfioGroup {
	readonly devices: VfioDevice[] = [];
	/** its own file is open: devices cannot be bound one by one */
	opened = false;
	/** number of devices bound one by one; unless 0, the group cannot be opened */
	boundAlone = 0;

	constructor(
		readonly host: VfioHost,
		readonly number: number,
		/** a host driver uses one of its devices */
		readonly hostUses: boolean,
		/** no IOMMU translates its DMA */
		readonly noIommu: boolean,
	) {}

	/** the path of its file */
	get path(): string {
		return `/dev/vfio/${this.noIommu ? "noiommu-" : ""}${this.number}`;
	}

	/** the files of its devices, for a text; only those that are bound */
	boundDevices(): string {
		return listed(this.devices.filter(({ opens }) => opens > 0).map(({ node }) => node));
	}
}
