/** The hooks into drivers that proposals use. */
import type { InvalidateArray } from "../../contract/invalidation.js";
import type { AtcFailure } from "../../mmu/failing-atcs.js";
import type { HwDriver } from "./driver.js";

/** Drivers read them at every call, so they may be set at any time. */
export interface DriverHooks {
	/**
	 * Called when the device-TLB invalidation of an entry failed. Returns the ID of the caller's device object with that
	 * device TLB; undefined: the caller has none.
	 */
	onFailed?: (driver: HwDriver, array: InvalidateArray, entry: number, failure: AtcFailure) => number | undefined;
}
