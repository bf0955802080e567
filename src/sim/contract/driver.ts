/** What every IOMMU driver does for the core. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice } from "./device.js";
import type { Domain, NestedDomain, PagingDomain } from "./domain.js";
import type { AllocData } from "./user-data.js";
import type { ViommuCore, ViommuOps } from "./viommu.js";

/** One physical IOMMU. Every device stands behind one; vIOMMUs and nesting parents belong to one. */
export interface IommuInstance {
	readonly driver: IommuDriver;
	readonly name: string;
}

/** What GET_HW_INFO answers: the driver's type and its struct. */
export interface HwInfo {
	readonly type: number;
	readonly data: Uint8Array;
}

/** What became of one access that a device made. */
export type DmaOutcome =
	/** it goes to the host's memory at `pa`; `length`: bytes from there on that need no other translation */
	| { readonly ok: true; readonly pa: bigint; readonly length: bigint }
	/**
	 * It was aborted; `record`: the event that the IOMMU wrote, if it wrote one. `waits`: not aborted yet, it is the
	 * device's page request of this group number, whose response lets it try again or ends it. `ats`: a translation that
	 * the device had asked for was refused, so it may send a page request. `why`: the fault in words.
	 */
	| { readonly ok: false; readonly record?: Uint8Array; readonly waits?: number; readonly ats?: boolean; readonly why?: string };

/** What every IOMMU driver, the selftest's mock included, does for the core; its devices are `D`. Minus an errno where it can not. */
export interface IommuDriver<D extends IommuDevice = IommuDevice> {
	/** does the device support dirty tracking (IOMMU_CAP_DIRTY_TRACKING) */
	canTrackDirty(device: D): boolean;
	/** out of IOMMU_HWPT_ALLOC_* without FAULT_ID_VALID */
	allocPaging(device: D, flags: number, from?: AllocData): PagingDomain | Ret;
	/** nothing is attached for the PASID any more */
	detached?(device: D, pasid: number): void;
	/** the table brings the guest's own PASID table along, so requests with any PASID are its */
	guestOwnsPasids?(domain: Domain): boolean;
	/** a user-managed table on a nesting parent */
	allocNested?(device: D, parent: PagingDomain, flags: number, from: AllocData): NestedDomain | Ret;
	/** `type` is what the caller asked for (IOMMU_HW_INFO_TYPE_*, 0: the default) */
	hwInfo?(device: D, type: number): HwInfo | Ret | undefined;
	/** -EOPNOTSUPP where vIOMMUs of the type do not exist for the device; checked before the parent is looked up */
	viommuSupported?(device: D, type: number): Ret;
	/**
	 * The device accesses `iova` (READ, WRITE of machine/walk.ts), as far as one translation reaches. A fault
	 * is reported to whom it concerns before this returns.
	 */
	dma?(device: D, iova: bigint, access: number, pasid?: number): DmaOutcome;
	/** The driver's half of a vIOMMU of a type that is supported. */
	initViommu?(viommu: ViommuCore, parent: PagingDomain, from: AllocData): ViommuOps | Ret;
}
