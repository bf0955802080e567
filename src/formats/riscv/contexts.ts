/** Device contexts and process contexts of the RISC-V IOMMU (RISC-V IOMMU Architecture Specification 1.0, chapter 2). */
import { at, type Field } from "../words.js";

const named = (field: Field, names: Readonly<Record<string, number>>): Field => ({ ...field, names });

/** Modes of a first stage, of a second stage, and of a process directory; 0 is Bare in all of them. */
export const RISCV_MODES = { BARE: 0, SV39: 8, SV48: 9, SV57: 10 } as const;
export const RISCV_GMODES = { BARE: 0, SV39X4: 8, SV48X4: 9, SV57X4: 10 } as const;
export const RISCV_PD_MODES = { BARE: 0, PD8: 1, PD17: 2, PD20: 3 } as const;

/** A device context in base format, four words. `fsc`: the first stage (`iosatp`), or with PDTV the process directory (`pdtp`). */
export const RISCV_DC = {
	v: at(0, 0, 0),
	en_ats: at(0, 1, 1),
	en_pri: at(0, 2, 2),
	t2gpa: at(0, 3, 3),
	dtf: at(0, 4, 4),
	pdtv: at(0, 5, 5),
	prpr: at(0, 6, 6),
	gade: at(0, 7, 7),
	sade: at(0, 8, 8),
	dpe: at(0, 9, 9),
	sbe: at(0, 10, 10),
	sxl: at(0, 11, 11),
	custom: at(0, 31, 24),
	iohgatp_ppn: at(1, 43, 0),
	gscid: at(1, 59, 44),
	iohgatp_mode: named(at(1, 63, 60), RISCV_GMODES),
	pscid: at(2, 31, 12),
	fsc_ppn: at(3, 43, 0),
	fsc_mode: at(3, 63, 60),
};

/** The words that the extended format has in addition (capabilities.MSI_FLAT), and a reserved one at the end: the 5th to 8th word. */
export const RISCV_DC_EXTENDED = {
	...RISCV_DC,
	msiptp_ppn: at(4, 43, 0),
	msiptp_mode: at(4, 63, 60),
	msi_addr_mask: at(5, 51, 0),
	msi_addr_pattern: at(6, 51, 0),
};

/** A process context, two words. */
export const RISCV_PC = {
	v: at(0, 0, 0),
	ens: at(0, 1, 1),
	sum: at(0, 2, 2),
	pscid: at(0, 31, 12),
	ppn: at(1, 43, 0),
	mode: named(at(1, 63, 60), RISCV_MODES),
};

/** An entry of a process directory that leads to the next table. */
export const RISCV_PDT_ENTRY = { v: at(0, 0, 0), ppn: at(0, 53, 10) };
