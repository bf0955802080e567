/** Mock devices as iommufd objects. */
import type { Device } from "../device.js";
import { IommufdObject } from "../object.js";

declare module "../object.js" {
	interface ObjectTypes {
		selftest: SelftestDevice;
	}
}

/** The owner of a mock device: destroying it removes the device. */
export class SelftestDevice extends IommufdObject {
	readonly type = "selftest";
	device: Device | undefined;

	override holds(): readonly IommufdObject[] {
		return this.device === undefined ? [] : [this.device];
	}

	override destroy(): void {
		const { device } = this;
		if (device === undefined) return;
		// Linux 7.3 forgets the PASIDs here.
		device.detach(0);
		device.unbind();
	}
}
