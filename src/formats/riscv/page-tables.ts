/** Entries of RISC-V page tables: Sv39, Sv48 and Sv57 (RISC-V Privileged Architecture, 12.4 to 12.6; Svnapot, Svpbmt). */
import { at } from "../words.js";

/** An entry of any level. It is a leaf if any of R, W and X is set. */
export const RISCV_PTE = {
	v: at(0, 0, 0),
	r: at(0, 1, 1),
	w: at(0, 2, 2),
	x: at(0, 3, 3),
	u: at(0, 4, 4),
	g: at(0, 5, 5),
	a: at(0, 6, 6),
	d: at(0, 7, 7),
	rsw: at(0, 9, 8),
	ppn: at(0, 53, 10),
	pbmt: at(0, 62, 61),
	n: at(0, 63, 63),
};
