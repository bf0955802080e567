/** Decodes the features of a VT-d unit. */
import { VTD_CAP, VTD_ECAP } from "../../../formats/vtd/index.js";
import { decodeFields } from "../../../formats/words.js";
import type { VtdIommu } from "./board.js";

/** The features of a VT-d unit, from its capability registers and the mode it runs in. */
export class VtdFeatures {
	readonly scalable: boolean;
	/** kernel-managed tables of each stage are possible */
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
	/** page sizes, as a mask */
	readonly firstStagePages: bigint;
	readonly secondStagePages: bigint;

	constructor({ cap, ecap, scalable }: VtdIommu) {
		const c = decodeFields(VTD_CAP, [cap]);
		const e = decodeFields(VTD_ECAP, [ecap]);
		this.scalable = scalable && e.smts === 1n;
		this.firstStage = this.scalable && e.fsts === 1n;
		this.secondStage = !this.scalable || e.ssts === 1n;
		this.nesting = this.scalable && e.nest === 1n;
		this.dirtyTracking = this.scalable && e.ssads === 1n;
		this.pasidWidth = this.scalable && e.pasid === 1n ? Number(e.pss) + 1 : 0;
		this.fiveLevels = c.fs5lp === 1n;
		this.supervisor = e.srs === 1n;
		this.extendedAccessed = e.eafs === 1n;
		this.snoopControl = e.sc === 1n;
		// half of the canonical space: addresses with the top bit set are in the other half
		this.firstStageWidth = this.fiveLevels ? 56 : 47;
		// SAGAW: bit 1 is three levels (39 bits), each further bit a level more
		const levels = [1, 2, 3].filter((n) => (c.sagaw >> BigInt(n)) & 1n).map((n) => 30 + 9 * n);
		this.secondStageWidth = Math.min(Number(c.mgaw) + 1, levels.at(-1) ?? 48);
		this.firstStagePages = 0x201000n | (c.fs1gp << 30n);
		// SSLPS: bit 0 is 2 MiB, bit 1 is 1 GiB
		this.secondStagePages = 0x1000n | ((c.sslps & 1n) << 21n) | (((c.sslps >> 1n) & 1n) << 30n);
	}
}
