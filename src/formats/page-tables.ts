/** Entries of page tables: x86-64 (Intel SDM 3A, 4.5; VT-d 9.8) and Arm VMSAv8-64 stage 1 (Arm ARM, D8.3). */
import { at } from "./words.js";

/** An entry of any level. `ps`: of a page table's own entries it is the PAT bit. */
export const X86_ENTRY = {
	p: at(0, 0, 0),
	rw: at(0, 1, 1),
	us: at(0, 2, 2),
	pwt: at(0, 3, 3),
	pcd: at(0, 4, 4),
	a: at(0, 5, 5),
	d: at(0, 6, 6),
	ps: at(0, 7, 7),
	g: at(0, 8, 8),
	ea: at(0, 10, 10),
	address: at(0, 51, 12, 12),
	nx: at(0, 63, 63),
};

/** A table descriptor. */
export const ARM_TABLE = {
	valid: at(0, 0, 0),
	table: at(0, 1, 1),
	address: at(0, 47, 12, 12),
	pxn_table: at(0, 59, 59),
	uxn_table: at(0, 60, 60),
	ap_table: at(0, 62, 61),
};

/** A block or page descriptor. `ap`: bit 0 lets users in, bit 1 forbids writing. */
export const ARM_LEAF = {
	valid: at(0, 0, 0),
	table: at(0, 1, 1),
	attr: at(0, 4, 2),
	ns: at(0, 5, 5),
	ap: at(0, 7, 6),
	sh: at(0, 9, 8),
	af: at(0, 10, 10),
	ng: at(0, 11, 11),
	address: at(0, 47, 12, 12),
	dbm: at(0, 51, 51),
	contiguous: at(0, 52, 52),
	pxn: at(0, 53, 53),
	uxn: at(0, 54, 54),
};
