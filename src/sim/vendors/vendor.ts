/** What a vendor's folder exports: all that the rest of the simulated kernel knows of its IOMMUs. */
import type { iommu_hwpt_vtd_s1_invalidate_v10 } from "../../../structs/index.js";
import type { Iommu } from "../board/description.js";
import type { BoardVendor } from "../board/vendor.js";
import type { CacheRow } from "../mmu/caches.js";
import type { DriverContext, HwIommu } from "./common/driver.js";
import type { GuestQueue } from "./guest-queue.js";

/** Something that a vendor's uAPI can have beyond the current release. */
export interface Proposal {
	readonly doc: string;
	/** the kernel's option that turns it on (BoardVendor.kernelOptions) */
	readonly option: string;
	/** arrays of this data type carry back what became of each entry, in its field `hw_error` */
	readonly entryErrors?: { readonly type: number; readonly entry: EntryWithError };
}

/** The struct of an entry with a field `hw_error`. */
type EntryWithError = Pick<typeof iommu_hwpt_vtd_s1_invalidate_v10, "leaves" | "size"> & {
	decode(bytes: Uint8Array): { readonly hw_error: number };
};

/** One vendor of IOMMUs. Its machine files, pictures and trace headers are BoardVendor's. */
export interface Vendor<I extends Iommu = Iommu> extends BoardVendor<I> {
	/** its name in texts: "VT-d" */
	readonly title: string;
	/** Makes one of its IOMMUs, with the driver that runs it. Absent: its devices are made by IOMMU_TEST_CMD. */
	driver?(description: I, context: DriverContext): HwIommu;
	/** by the word that --uapi takes */
	readonly proposals?: Readonly<Record<string, Proposal>>;
	readonly queue?: GuestQueue;
	/** what a guest's whole PASID table is called, where the driver can read one (`bindTable`) */
	readonly pasidTable?: string;
	/** where PASIDs of one function can be given to different owners (Scalable IOV), in words; the driver says which IOMMUs can */
	readonly siov?: string;
	/** In words, the narrowest invalidations that would drop a line of its caches. */
	hitBy?(row: CacheRow): string[];
}
