/** The interface between the core and an IOMMU driver. */
import type { Ret } from "../../kernel/kernel.js";
import type { Reasons } from "../why/reasons.js";
import type { IommuDevice } from "./device.js";
import type { Domain, NestedDomain, PagingDomain } from "./domain.js";
import type { AllocData, GivenData } from "./user-data.js";
import type { ViommuCore, ViommuOps } from "./viommu.js";

/** One physical IOMMU. Every device is behind one; vIOMMUs and nesting parents belong to one. */
export interface IommuInstance {
	readonly driver: IommuDriver;
	readonly name: string;
}

/** The answer of GET_HW_INFO: the driver's type and its struct. */
export interface HwInfo {
	readonly type: number;
	readonly data: Uint8Array;
}

/** The outcome of one access by a device. */
export type DmaOutcome =
	/** it reaches host memory at `pa`; `length`: bytes from there that the same translation covers */
	| { readonly ok: true; readonly pa: bigint; readonly length: bigint }
	/**
	 * It was aborted; `record`: the event that the IOMMU wrote, if any. `waits`: it is not aborted yet but waits for the
	 * response to the device's page request with this group number, which lets the device try again or ends the access.
	 * `ats`: a translation that the device had requested was refused, so it may send a page request. `why`: the fault in
	 * words.
	 */
	| { readonly ok: false; readonly record?: Uint8Array; readonly waits?: number; readonly ats?: boolean; readonly why?: string };

/** The operations of an IOMMU driver, the selftest's mock included; its devices are `D`. Minus the errno on failure. */
export interface IommuDriver<D extends IommuDevice = IommuDevice> {
	/** those of its kernel */
	readonly reasons: Reasons;
	/** whether the device supports dirty tracking (IOMMU_CAP_DIRTY_TRACKING) */
	canTrackDirty(device: D): boolean;
	/** `flags` is a combination of IOMMU_HWPT_ALLOC_NEST_PARENT, DIRTY_TRACKING (if `canTrackDirty`) and PASID */
	allocPaging(device: D, flags: number, from?: AllocData): PagingDomain | Ret;
	/** called when nothing is attached for the PASID any more */
	detached?(device: D, pasid: number): void;
	/** Why the IOMMU itself answers the page requests of a device INVALID, whatever is attached; undefined: it does not. */
	refusesRequests?(device: D): string | undefined;
	/** whether the table includes the guest's own PASID table, so that it takes requests with any PASID */
	guestOwnsPasids?(domain: Domain): boolean;
	/** a user-managed table on a nesting parent of this driver; `flags` is IOMMU_HWPT_ALLOC_PASID or 0 */
	allocNested?(device: D, parent: PagingDomain, flags: number, from: GivenData): NestedDomain | Ret;
	/** `type` is the requested type (IOMMU_HW_INFO_TYPE_*, 0: the default) */
	hwInfo?(device: D, type: number): HwInfo | Ret | undefined;
	/** -EOPNOTSUPP where vIOMMUs of the type do not exist for the device; checked before the parent is looked up */
	viommuSupported?(device: D, type: number): Ret;
	/**
	 * The device accesses `iova` (READ, WRITE of machine/walk.ts), as far as one translation reaches. A fault is
	 * reported to its handler before this returns.
	 */
	dma?(device: D, iova: bigint, access: number, pasid?: number): DmaOutcome;
	/** The driver's half of a vIOMMU of a type that is supported. */
	initViommu?(viommu: ViommuCore, parent: PagingDomain, from: AllocData): ViommuOps | Ret;
}
