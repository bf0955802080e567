/** The driver's half of page tables. */
import type { Ret } from "../../kernel/kernel.js";
import type { Area } from "../iova/area.js";
import type { Interval } from "../iova/interval-set.js";
import type { IovaSpace, SpaceDomain } from "../iova/iova-space.js";
import type { AttachHandle, IommuDevice } from "./device.js";
import type { IommuInstance } from "./driver.js";
import type { InvalidateArray, InvalidateResult } from "./invalidation.js";
import type { FaultGroup } from "./page-request.js";

/** The driver's half of a page table, to which devices are attached. */
export abstract class Domain {
	/** takes page requests of devices attached to this table; undefined: they are refused */
	faultHandler: ((group: FaultGroup) => void) | undefined;

	constructor(readonly iommu: IommuInstance) {}

	/**
	 * Make the device use this table for a PASID (0: for requests without one). `handle` names the attachment. On
	 * failure, minus the errno and nothing changes.
	 */
	abstract attach(device: IommuDevice, pasid: number, handle: AttachHandle): Ret;

	/** Called when the last user is gone. */
	free(): void {}
}

/** Dirty tracking of a page table. IOVAs and lengths are in bytes. */
export interface DirtyTracker {
	/** Start or stop; starting clears what was recorded. */
	set(enable: boolean): Ret;
	/** whether it is on */
	readonly enabled: boolean;
	/** Call `visit` for each dirty range in [start, last]; `clear` forgets them. */
	read(start: bigint, last: bigint, clear: boolean, visit: (start: bigint, last: bigint) => void): Ret;
}

/** A page table that the kernel fills from an IOVA space. */
export abstract class PagingDomain extends Domain implements SpaceDomain {
	abstract readonly smallestPage: bigint;
	/** the page sizes of its entries, as a mask */
	abstract readonly pageSizes: bigint;
	abstract readonly aperture: Interval;
	dirty: DirtyTracker | undefined;
	/** enforces coherent DMA, whatever the device requests */
	enforcesCoherency = false;
	/** the space it is filled from, while there is one */
	space: IovaSpace | undefined;
	/** nothing is translated: devices use physical addresses */
	readonly noIommu: boolean = false;

	/** checks that it can hold the area: 0 or minus the errno */
	canMap?(area: Area): Ret;

	unmapped(_area: Area): void {}
}

/** A page table that the caller keeps in its own memory, on top of a nesting parent. */
export abstract class NestedDomain extends Domain {
	/** undefined: the driver cannot invalidate it (EOPNOTSUPP) */
	invalidate?(array: InvalidateArray): InvalidateResult;
}
