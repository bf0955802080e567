/** Reports which device's TLB invalidation failed: found by requester ID and PASID, for VT-d's error word and its proposal. */
import type { InvalidateArray } from "../contract/invalidation.js";
import { IommufdContext } from "../iommufd/context.js";
import { Device } from "../iommufd/device.js";
import { NO_PASID } from "../mmu/caches.js";
import type { AtcFailure } from "../mmu/failing-atcs.js";
import { HwDevice } from "../vendors/common/device.js";
import type { HwDriver } from "../vendors/common/driver.js";

/** A failed entry of an invalidation array, and the device whose TLB it was for. An entry that failed for several has several. */
export interface InvalidationReport {
	/** number of the array among those that report failures, over all IOMMUs, from 1; 0: a guest's queue, whose descriptor `entry` is */
	readonly array: number;
	/** index of the entry in its array */
	readonly entry: number;
	readonly error: AtcFailure["error"];
	/** requester ID of the device */
	readonly rid: number;
	/** undefined: without PASID */
	readonly pasid: number | undefined;
	/** the device object's ID in the caller's context; undefined: the caller has none for it */
	readonly deviceId: number | undefined;
}

const MOST_REPORTS = 10_000;

/** The reports of one kernel's IOMMUs. */
export class InvalidationReports {
	readonly #byDriver = new Map<HwDriver, InvalidationReport[]>();
	#last: InvalidateArray | undefined;
	#arrays = 0;

	/** Reports of one IOMMU, oldest first. */
	of(driver: HwDriver): readonly InvalidationReport[] {
		return this.#byDriver.get(driver) ?? [];
	}

	/** Records a failure (DriverHooks.onFailed). */
	add(driver: HwDriver, array: InvalidateArray, entry: number, { device: rid, context, error }: AtcFailure): number | undefined {
		if (array !== this.#last) this.#arrays++;
		this.#last = array;
		const pasid = context === NO_PASID ? undefined : context;
		const deviceId = deviceIdOf(driver, array, rid, pasid);
		const list = this.#byDriver.get(driver) ?? [];
		this.#byDriver.set(driver, list);
		list.push({ array: this.#arrays, entry, error, rid, pasid, deviceId });
		if (list.length > MOST_REPORTS) list.shift();
		return deviceId;
	}
}

/**
 * The device object in the context of the call: the one that owns the PASID, else the one for the function as a whole. A
 * context holds one device object for each function, or several that look alike (siov.ts ensures that); of those, the first.
 */
function deviceIdOf(driver: HwDriver, array: InvalidateArray, rid: number, pasid: number | undefined): number | undefined {
	if (!(array.context instanceof IommufdContext)) return undefined;
	for (const object of array.context.objects) {
		const device = object instanceof Device ? object.device : undefined;
		if (!(device instanceof HwDevice) || device.iommu.driver !== driver || device.requester.wire !== rid) continue;
		if (device.part === undefined ? ownerOf(device, pasid) === device : ownsPasid(device, pasid)) return object.id;
	}
	return undefined;
}

/** The device of a function that a PASID belongs to. */
export function ownerOf(whole: HwDevice, pasid: number | undefined): HwDevice {
	return whole.parts.find((part) => ownsPasid(part, pasid)) ?? whole;
}

function ownsPasid({ part, group }: HwDevice, pasid: number | undefined): boolean {
	return pasid !== undefined && (part?.pasids.includes(pasid) === true || group.attached.has(pasid));
}
