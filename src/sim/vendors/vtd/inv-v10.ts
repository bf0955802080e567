/** The error word of invalidation entries, as patches v7 to v10 proposed it (2023 to 2024). */
import { iommu_hwpt_vtd_s1_invalidate_v10 as ENTRY, iommu_hwpt_vtd_s1_invalidate_error as ERROR } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { formatRid } from "../../board/bdf.js";
import type { InvalidateArray } from "../../contract/invalidation.js";
import { faultAt } from "../../memory/fault.js";
import { NO_PASID } from "../../mmu/caches.js";
import type { AtcFailure } from "../../mmu/failing-atcs.js";
import { vtdErrorChecks } from "./checks.js";
import type { VtdDriver } from "./driver.js";

/** Writes `hw_error` back into a handled entry: 0, or ICE and ITE. -EFAULT. */
export function writeHwError(driver: VtdDriver, array: InvalidateArray, entry: number, failed: readonly AtcFailure[]): Ret {
	const { hooks, warn } = driver.context;
	let word = 0;
	for (const failure of failed) {
		const { device: rid, context, error } = failure;
		word |= error === "ITE" ? ERROR.IOMMU_HWPT_INVALIDATE_VTD_S1_ITE : ERROR.IOMMU_HWPT_INVALIDATE_VTD_S1_ICE;
		const deviceId = hooks.onFailed?.(driver, array, entry, failure);
		const name = deviceId === undefined ? "not a device of the caller's" : `the caller's device ${deviceId}`;
		const pasid = context === undefined || context === NO_PASID ? "" : ` PASID 0x${context.toString(16)}`;
		warn(`DMAR: invalidation entry ${entry}: ${error} of [${formatRid(rid)}]${pasid}, ${name}`);
	}
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, word, true);
	const { memory, reasons } = array.process;
	const addr = array.address(entry) + BigInt(ENTRY.offsets.hw_error);
	if (memory.write(addr, bytes) >= 0) return 0;
	return reasons.fail(vtdErrorChecks.vtdErrorNotWritable, entry, addr, faultAt(memory, addr, bytes.length, true));
}
