import { bit, field } from "../../../formats/bits.js";
import type { VtdIommu } from "../../board/description.js";

/** What a VT-d unit can do, out of its capability registers and the mode it runs in. */
export class VtdFeatures {
	readonly scalable: boolean;
	/** kernel-managed tables of each stage */
	readonly firstStage: boolean;
	readonly secondStage: boolean;
	readonly nesting: boolean;
	readonly dirtyTracking: boolean;
	/** bits of PASID; 0: none */
	readonly pasidWidth: number;
	readonly fiveLevels: boolean;
	readonly supervisor: boolean;
	readonly extendedAccessed: boolean;
	readonly snoopControl: boolean;
	/** bits of IOVA that each stage translates */
	readonly firstStageWidth: number;
	readonly secondStageWidth: number;
	/** sizes of pages, as a mask */
	readonly firstStagePages: bigint;
	readonly secondStagePages: bigint;

	constructor({ cap, ecap, scalable }: VtdIommu) {
		this.scalable = scalable && bit(ecap, 43);
		this.firstStage = this.scalable && bit(ecap, 47);
		this.secondStage = !this.scalable || bit(ecap, 46);
		this.nesting = this.scalable && bit(ecap, 26);
		this.dirtyTracking = this.scalable && bit(ecap, 45);
		this.pasidWidth = this.scalable && bit(ecap, 40) ? field(ecap, 39, 35) + 1 : 0;
		this.fiveLevels = bit(cap, 60);
		this.supervisor = bit(ecap, 31);
		this.extendedAccessed = bit(ecap, 34);
		this.snoopControl = bit(ecap, 7);
		// Half of the canonical space: addresses with the top bit set are the other half's.
		this.firstStageWidth = this.fiveLevels ? 56 : 47;
		// SAGAW: bit 1 is three levels (39 bits), each further bit a level more
		const levels = [1, 2, 3].filter((n) => bit(cap, 8 + n)).map((n) => 30 + 9 * n);
		this.secondStageWidth = Math.min(field(cap, 21, 16) + 1, levels.at(-1) ?? 48);
		this.firstStagePages = 0x201000n | (bit(cap, 56) ? 1n << 30n : 0n);
		this.secondStagePages = 0x1000n | (bit(cap, 34) ? 1n << 21n : 0n) | (bit(cap, 35) ? 1n << 30n : 0n);
	}
}
