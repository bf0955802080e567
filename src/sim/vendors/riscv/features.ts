/** Decodes the capabilities of a RISC-V IOMMU. */
import { RISCV_CAPABILITIES, RISCV_GMODES, RISCV_MODES, RISCV_PD_MODES } from "../../../formats/riscv/index.js";
import { decodeFields } from "../../../formats/words.js";
import type { RiscvIommu } from "./board.js";

/** What a RISC-V IOMMU can do. */
export class RiscvFeatures {
	/** first-stage modes (`iosatp.MODE`) without Bare, the smallest first */
	readonly modes: readonly number[];
	/** second-stage modes (`iohgatp.MODE`) without Bare, the smallest first */
	readonly secondStageModes: readonly number[];
	/** process directory modes (`pdtp.MODE`) without Bare */
	readonly directoryModes: readonly number[];
	/** bits of process ID; 0: none */
	readonly pasidWidth: number;
	/** device contexts have the extended format of 64 bytes (MSI_FLAT) */
	readonly extended: boolean;
	readonly ats: boolean;
	/** hardware can set A and D in entries (AMO_HWAD) */
	readonly setsAccessed: boolean;
	readonly memoryTypes: boolean;
	readonly softwareBits: boolean;
	readonly qosIds: boolean;

	constructor({ capabilities }: RiscvIommu) {
		const has = decodeFields(RISCV_CAPABILITIES, [capabilities]);
		const chosen = (choices: readonly (readonly [bigint, number])[]) => choices.flatMap(([bit, mode]) => (bit === 1n ? [mode] : []));
		this.modes = chosen([
			[has.sv39, RISCV_MODES.SV39],
			[has.sv48, RISCV_MODES.SV48],
			[has.sv57, RISCV_MODES.SV57],
		]);
		this.secondStageModes = chosen([
			[has.sv39x4, RISCV_GMODES.SV39X4],
			[has.sv48x4, RISCV_GMODES.SV48X4],
			[has.sv57x4, RISCV_GMODES.SV57X4],
		]);
		this.directoryModes = chosen([
			[has.pd8, RISCV_PD_MODES.PD8],
			[has.pd17, RISCV_PD_MODES.PD17],
			[has.pd20, RISCV_PD_MODES.PD20],
		]);
		this.pasidWidth = Math.max(0, ...this.directoryModes.map(processIdBits));
		this.extended = has.msi_flat === 1n;
		this.ats = has.ats === 1n;
		this.setsAccessed = has.amo_hwad === 1n;
		this.memoryTypes = has.svpbmt === 1n;
		this.softwareBits = has.svrsw60t59b === 1n;
		this.qosIds = has.qosid === 1n;
	}

	/** bytes of a device context */
	get contextSize(): number {
		return this.extended ? 64 : 32;
	}

	/** Linux gives its own tables of the first stage all the bits that the hardware has, without the upper half; 0: it has no such stage. */
	get firstStageWidth(): number {
		const mode = this.modes.at(-1);
		return mode === undefined ? 0 : addressBits(mode) - 1;
	}

	/** bits of guest-physical address: two more than a first stage of as many levels; 0: it has no second stage */
	get secondStageWidth(): number {
		const mode = this.secondStageModes.at(-1);
		return mode === undefined ? 0 : addressBits(mode) + 2;
	}
}

/** Levels of the tables of a mode other than Bare: 3 to 5. */
export const levelsOf = (mode: number): 3 | 4 | 5 => (mode - 5) as 3 | 4 | 5;

/** Bits of address that the tables of a mode other than Bare translate. */
const addressBits = (mode: number): number => 12 + 9 * levelsOf(mode);

/** Bits of process ID that a directory of this mode looks up. */
export function processIdBits(mode: number): number {
	return [0, 8, 17, 20][mode] ?? 0;
}
