/** AMD's extended feature registers (AMD I/O Virtualization Technology specification, 3.4.2). */
import { at } from "../words.js";

export const AMD_EFR = {
	prefsup: at(0, 0, 0),
	pprsup: at(0, 1, 1),
	xtsup: at(0, 2, 2),
	nxsup: at(0, 3, 3),
	gtsup: at(0, 4, 4),
	iasup: at(0, 6, 6),
	gasup: at(0, 7, 7),
	hesup: at(0, 8, 8),
	pcsup: at(0, 9, 9),
	hats: at(0, 11, 10),
	gats: at(0, 13, 12),
	glxsup: at(0, 15, 14),
	smifsup: at(0, 17, 16),
	smifrc: at(0, 20, 18),
	gamsup: at(0, 23, 21),
	pasmax: at(0, 36, 32),
	ussup: at(0, 37, 37),
	giosup: at(0, 48, 48),
	hasup: at(0, 49, 49),
	ephsup: at(0, 50, 50),
	attrfwsup: at(0, 51, 51),
	hdsup: at(0, 52, 52),
};

export const AMD_EFR2 = { gcr3trpmode: at(0, 3, 3) };
