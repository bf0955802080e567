import { bit, field } from "../../../formats/bits.js";
import type { AmdIommu } from "../../board/description.js";

/** What an AMD IOMMU can do, out of its extended feature registers. */
export class AmdFeatures {
	/** guest tables beneath host tables, with guest CR3 tables in guest memory */
	readonly nesting: boolean;
	readonly dirtyTracking: boolean;
	/** bits of PASID; 0: the kernel can not use them */
	readonly pasidWidth: number;
	readonly fiveLevels: boolean;
	/** levels of guest CR3 tables */
	readonly gcr3Levels: number;

	constructor({ efr, efr2 }: AmdIommu) {
		const guestTables = bit(efr, 4);
		// GIOSUP, and GCR3TRPMODE: the guest's CR3 table is translated too
		this.nesting = guestTables && bit(efr, 48) && bit(efr2, 3);
		// HASUP and HDSUP
		this.dirtyTracking = bit(efr, 49) && bit(efr, 52);
		this.gcr3Levels = guestTables ? field(efr, 15, 14) + 1 : 0;
		// PPRSUP and EPHSUP; one level of guest CR3 table is not enough for the kernel
		const usable = guestTables && bit(efr, 1) && bit(efr, 50) && this.gcr3Levels > 1;
		this.pasidWidth = usable ? field(efr, 36, 32) + 1 : 0;
		// GATS: levels of guest tables
		this.fiveLevels = field(efr, 13, 12) === 1;
	}
}
