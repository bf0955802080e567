/** Where proposals hook into drivers. */
import type { InvalidateArray } from "../../contract/invalidation.js";
import type { AtcError } from "../../mmu/caches.js";
import type { HwDriver } from "./driver.js";

/** A device-TLB invalidation that failed. */
export interface AtcFailure {
	/** requester ID */
	readonly device: number;
	readonly error: AtcError;
}

/** Read at every call: they may be set at any time. */
export interface DriverHooks {
	/**
	 * A device-TLB invalidation of an entry failed. Answers the ID of the caller's device object whose device TLB it was;
	 * undefined: the caller has none.
	 */
	onFailed?: (driver: HwDriver, array: InvalidateArray, entry: number, failure: AtcFailure) => number | undefined;
}
