/** Virtual devices of vIOMMUs. */
import type { Device } from "./device.js";
import { IommufdObject } from "./object.js";
import type { Viommu } from "./viommu.js";

declare module "./object.js" {
	interface ObjectTypes {
		vdevice: Vdevice;
	}
}

/** A device as a guest knows it, by its virtual ID in a vIOMMU. */
export class Vdevice extends IommufdObject {
	readonly type = "vdevice";

	constructor(
		readonly viommu: Viommu,
		readonly device: Device,
		readonly virtId: bigint,
	) {
		super(viommu.context);
		viommu.users++;
		viommu.vdevices.set(virtId, this);
		device.vdevice = this;
	}

	override holds(): readonly IommufdObject[] {
		return [this.viommu];
	}

	/** its device takes it along */
	override get goesEarly(): boolean {
		return true;
	}

	override destroy(): void {
		this.viommu.ops.removeVdevice?.(this.device.device);
		this.viommu.vdevices.delete(this.virtId);
		this.device.vdevice = undefined;
		this.viommu.users--;
	}
}
