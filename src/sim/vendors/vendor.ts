/** The interface between a vendor's folder and the rest of the simulated kernel. */
import type { iommu_hwpt_vtd_s1_invalidate_v10 } from "../../../structs/index.js";
import type { Iommu } from "../board/description.js";
import type { BoardVendor } from "../board/vendor.js";
import type { CacheRow } from "../mmu/caches.js";
import type { Group } from "../why/check.js";
import type { DriverContext, HwIommu } from "./common/driver.js";
import type { GuestQueue } from "./guest-queue.js";

/**
 * The places where the core asks a driver, with the checks that the driver makes there; of two kinds of page tables, those
 * of the nested one come second. A hook that is absent checks nothing.
 */
export type DriverChecks = Readonly<Partial<Record<DriverHook, Group>>>;

export type DriverHook =
	| "allocPaging"
	| "allocNested"
	| "attach"
	| "canMap"
	| "readDirty"
	| "hwInfo"
	| "viommuSupported"
	| "initViommu"
	| "viommuAllocNested"
	| "addVdevice"
	| "invalidate"
	| "viommuInvalidate"
	| "hwQueueSupported"
	| "initHwQueue"
	/** not a method: what it notes when a device acts */
	| "notes";

/** An extension of the uAPI beyond the current release. */
export interface Proposal {
	readonly doc: string;
	/** the kernel option that enables it (BoardVendor.kernelOptions) */
	readonly option: string;
	/** arrays of this data type return each entry's result in its field `hw_error` */
	readonly entryErrors?: { readonly type: number; readonly entry: EntryWithError };
}

/** The struct of an entry with a field `hw_error`. */
type EntryWithError = Pick<typeof iommu_hwpt_vtd_s1_invalidate_v10, "leaves" | "size"> & {
	decode(bytes: Uint8Array): { readonly hw_error: number };
};

/** One vendor of IOMMUs. BoardVendor covers its machine files, pictures and trace headers. */
export interface Vendor<I extends Iommu = Iommu> extends BoardVendor<I> {
	/** its name in texts: "VT-d" */
	readonly title: string;
	/** what its driver checks, by the method of the contract ring that the core calls */
	readonly checks: DriverChecks;
	/** Creates one of its IOMMUs with its driver. Absent: its devices are made by IOMMU_TEST_CMD. */
	driver?(description: I, context: DriverContext): HwIommu;
	/** by name in --uapi */
	readonly proposals?: Readonly<Record<string, Proposal>>;
	readonly queue?: GuestQueue;
	/** its name for a guest's whole PASID table, if the driver can read one (`bindTable`) */
	readonly pasidTable?: string;
	/** names the IOMMUs that can give PASIDs of one function to different owners (Scalable IOV); their drivers set splitsFunctions */
	readonly siov?: string;
	/** The narrowest invalidations that would drop a cached line, as text. */
	hitBy?(row: CacheRow): string[];
}
