/** VT-d's scalable-mode PASID directory and table entries (Intel VT-d specification, 9.5 and 9.6). */
import { at } from "../words.js";

/** An entry of the directory: a page of 64 table entries. Bits 11:2 are reserved. */
export const VTD_PASID_DIR_ENTRY = { p: at(0, 0, 0), fpd: at(0, 1, 1), smptblptr: at(0, 63, 12, 12) };

/** An entry of the table: eight words, of which the last five are reserved. */
export const VTD_PASID_ENTRY = {
	p: at(0, 0, 0),
	fpd: at(0, 1, 1),
	aw: at(0, 4, 2),
	ssee: at(0, 5, 5),
	pgtt: at(0, 8, 6),
	ssade: at(0, 9, 9),
	ssptptr: at(0, 63, 12, 12),
	did: at(1, 15, 0),
	pwsnp: at(1, 23, 23),
	pgsnp: at(1, 24, 24),
	cd: at(1, 25, 25),
	emte: at(1, 26, 26),
	emt: at(1, 29, 27),
	pwt: at(1, 30, 30),
	pcd: at(1, 31, 31),
	pat: at(1, 63, 32),
	sre: at(2, 0, 0),
	ere: at(2, 1, 1),
	fspm: at(2, 3, 2),
	wpe: at(2, 4, 4),
	nxe: at(2, 5, 5),
	smep: at(2, 6, 6),
	eafe: at(2, 7, 7),
	fsptptr: at(2, 63, 12, 12),
};
