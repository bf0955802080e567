/** AMD's device table entries, and the guest CR3 tables they point to (AMD I/O Virtualization Technology specification, 2.2.2 and 2.2.6). */
import { at } from "../words.js";

/** A device table entry: the fields of its four words that concern address translation. */
export const AMD_DTE = {
	v: at(0, 0, 0),
	tv: at(0, 1, 1),
	had: at(0, 8, 7),
	mode: at(0, 11, 9),
	host_root: at(0, 51, 12, 12),
	ppr: at(0, 52, 52),
	gprp: at(0, 53, 53),
	giov: at(0, 54, 54),
	gv: at(0, 55, 55),
	glx: at(0, 57, 56),
	/** bits 14:12, 30:15 and 51:31 of the table's address are in three places */
	gcr3: {
		at: [
			[0, 60, 58],
			[1, 31, 16],
			[1, 63, 43],
		],
		shift: 12,
	},
	ir: at(0, 61, 61),
	iw: at(0, 62, 62),
	domain_id: at(1, 15, 0),
	i: at(1, 32, 32),
	se: at(1, 33, 33),
	sa: at(1, 34, 34),
	ioctl: at(1, 36, 35),
	cache: at(1, 37, 37),
	sd: at(1, 38, 38),
	ex: at(1, 39, 39),
	sysmgt: at(1, 41, 40),
	guest_paging_mode: at(2, 55, 54),
} as const;

/** An entry of a guest CR3 table, of every level. Bits 11:1 and 63:52 are reserved. */
export const AMD_GCR3_ENTRY = { v: at(0, 0, 0), address: at(0, 51, 12, 12) };
