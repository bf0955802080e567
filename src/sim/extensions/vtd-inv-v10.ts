import { iommu_hwpt_vtd_s1_invalidate_v10 as ENTRY, iommu_hwpt_vtd_s1_invalidate_error as ERROR } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { formatRid, ridOf } from "../board/bdf.js";
import type { InvalidateArray } from "../contract/invalidation.js";
import { IommufdContext } from "../iommufd/context.js";
import { Device } from "../iommufd/device.js";
import { HwDevice } from "../vendors/common/device.js";
import type { AtcFailure, VtdDriver } from "../vendors/vtd/driver.js";

/** What an entry that was submitted and failed says of itself, and whose device TLB it was. */
export interface InvalidationReport {
	/** index of the entry in its array */
	readonly entry: number;
	readonly error: "ICE" | "ITE";
	/** requester ID that failed */
	readonly rid: number;
	/** the device object's ID in the caller's context; undefined: no device of its */
	readonly deviceId: number | undefined;
}

const MOST_REPORTS = 1000;
const reports = new WeakMap<VtdDriver, InvalidationReport[]>();

/** Reports of one unit, oldest first. */
export function invalidationReports(driver: VtdDriver): readonly InvalidationReport[] {
	return reports.get(driver) ?? [];
}

/** Writes `hw_error` back into an entry that was handled: 0, or ICE and ITE. -EFAULT. */
export function reportHwError(driver: VtdDriver, array: InvalidateArray, entry: number, failed: readonly AtcFailure[]): Ret {
	let word = 0;
	for (const { device: rid, error } of failed) {
		word |= error === "ITE" ? ERROR.IOMMU_HWPT_INVALIDATE_VTD_S1_ITE : ERROR.IOMMU_HWPT_INVALIDATE_VTD_S1_ICE;
		const deviceId = deviceIdOf(driver, array, rid);
		const name = deviceId === undefined ? "no device of the caller's" : `the caller's device ${deviceId}`;
		driver.context.warn(`DMAR: invalidation entry ${entry}: ${error} of [${formatRid(rid)}], ${name}`);
		const list = reports.get(driver) ?? [];
		reports.set(driver, list);
		list.push({ entry, error, rid, deviceId });
		if (list.length > MOST_REPORTS) list.shift();
	}
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, word, true);
	const at = array.address(entry) + BigInt(ENTRY.offsets.hw_error);
	return array.process.memory.write(at, bytes);
}

/**
 * The device object of the context that the call came through, found by the physical device alone: a context
 * holds one for each (siov.ts sees to that).
 */
function deviceIdOf(driver: VtdDriver, array: InvalidateArray, rid: number): number | undefined {
	if (!(array.context instanceof IommufdContext)) return undefined;
	for (const object of array.context.objects) {
		const device = object instanceof Device ? object.device : undefined;
		if (device instanceof HwDevice && device.iommu.driver === driver && ridOf(device.bdf) === rid) return object.id;
	}
	return undefined;
}
