/** Reports which device's TLB invalidation failed: found by the physical device, as proposed with VT-d's error word. */
import { ridOf } from "../board/bdf.js";
import type { InvalidateArray } from "../contract/invalidation.js";
import { IommufdContext } from "../iommufd/context.js";
import { Device } from "../iommufd/device.js";
import { HwDevice } from "../vendors/common/device.js";
import type { HwDriver } from "../vendors/common/driver.js";
import type { AtcFailure } from "../vendors/common/hooks.js";

/** A failed entry of an invalidation array, and the device whose TLB it was for. */
export interface InvalidationReport {
	/** index of the entry in its array */
	readonly entry: number;
	readonly error: AtcFailure["error"];
	/** requester ID of the device */
	readonly rid: number;
	/** the device object's ID in the caller's context; undefined: the caller has none for it */
	readonly deviceId: number | undefined;
}

const MOST_REPORTS = 1000;

/** The reports of one kernel's IOMMUs. */
export class InvalidationReports {
	readonly #byDriver = new Map<HwDriver, InvalidationReport[]>();

	/** Reports of one IOMMU, oldest first. */
	of(driver: HwDriver): readonly InvalidationReport[] {
		return this.#byDriver.get(driver) ?? [];
	}

	/** Records a failure (DriverHooks.onFailed). */
	add(driver: HwDriver, array: InvalidateArray, entry: number, { device: rid, error }: AtcFailure): number | undefined {
		const deviceId = deviceIdOf(driver, array, rid);
		const list = this.#byDriver.get(driver) ?? [];
		this.#byDriver.set(driver, list);
		list.push({ entry, error, rid, deviceId });
		if (list.length > MOST_REPORTS) list.shift();
		return deviceId;
	}
}

/**
 * The device object in the context of the call, found by the physical device alone: a context
 * holds at most one for each (siov.ts ensures that).
 */
function deviceIdOf(driver: HwDriver, array: InvalidateArray, rid: number): number | undefined {
	if (!(array.context instanceof IommufdContext)) return undefined;
	for (const object of array.context.objects) {
		const device = object instanceof Device ? object.device : undefined;
		if (device instanceof HwDevice && device.iommu.driver === driver && ridOf(device.bdf) === rid) return object.id;
	}
	return undefined;
}
