/** The error word of invalidation entries, as patches v7 to v10 proposed it (2023 to 2024). */
import { iommu_hwpt_vtd_s1_invalidate_v10 as ENTRY, iommu_hwpt_vtd_s1_invalidate_error as ERROR } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { formatRid } from "../../board/bdf.js";
import type { InvalidateArray } from "../../contract/invalidation.js";
import type { AtcFailure } from "../common/hooks.js";
import type { VtdDriver } from "./driver.js";

/** Writes `hw_error` back into a handled entry: 0, or ICE and ITE. -EFAULT. */
export function writeHwError(driver: VtdDriver, array: InvalidateArray, entry: number, failed: readonly AtcFailure[]): Ret {
	const { hooks, warn } = driver.context;
	let word = 0;
	for (const failure of failed) {
		const { device: rid, error } = failure;
		word |= error === "ITE" ? ERROR.IOMMU_HWPT_INVALIDATE_VTD_S1_ITE : ERROR.IOMMU_HWPT_INVALIDATE_VTD_S1_ICE;
		const deviceId = hooks.onFailed?.(driver, array, entry, failure);
		const name = deviceId === undefined ? "not a device of the caller's" : `the caller's device ${deviceId}`;
		warn(`DMAR: invalidation entry ${entry}: ${error} of [${formatRid(rid)}], ${name}`);
	}
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, word, true);
	return array.process.memory.write(array.address(entry) + BigInt(ENTRY.offsets.hw_error), bytes);
}
