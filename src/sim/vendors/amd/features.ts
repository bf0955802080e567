/** Decodes the features of an AMD IOMMU. */
import { AMD_EFR, AMD_EFR2 } from "../../../formats/amd/index.js";
import { decodeFields } from "../../../formats/words.js";
import type { AmdIommu } from "./board.js";

/** The features of an AMD IOMMU, from its extended feature registers. */
export class AmdFeatures {
	/** guest tables nested on host tables, with guest CR3 tables in guest memory */
	readonly nesting: boolean;
	readonly dirtyTracking: boolean;
	/** bits of PASID; 0: the kernel cannot use PASIDs */
	readonly pasidWidth: number;
	readonly fiveLevels: boolean;
	/** what it checks in guests' tables: NX, and user against supervisor */
	readonly noExecute: boolean;
	readonly user: boolean;
	/** levels of guest CR3 tables */
	readonly gcr3Levels: number;

	constructor({ efr, efr2 }: AmdIommu) {
		const has = decodeFields(AMD_EFR, [efr]);
		const has2 = decodeFields(AMD_EFR2, [efr2]);
		const guestTables = has.gtsup === 1n;
		// GCR3TRPMODE: the guest's CR3 table is translated too
		this.nesting = guestTables && has.giosup === 1n && has2.gcr3trpmode === 1n;
		this.dirtyTracking = has.hasup === 1n && has.hdsup === 1n;
		this.gcr3Levels = guestTables ? Number(has.glxsup) + 1 : 0;
		// one level of guest CR3 table is not enough for the kernel
		const usable = guestTables && has.pprsup === 1n && has.ephsup === 1n && this.gcr3Levels > 1;
		this.pasidWidth = usable ? Number(has.pasmax) + 1 : 0;
		// GATS: levels of guest tables
		this.fiveLevels = has.gats === 1n;
		this.noExecute = has.nxsup === 1n;
		this.user = has.ussup === 1n;
	}
}
