/** What a VT-d unit reports to its driver: fault recording registers, page requests, and the registers beside them (Intel VT-d specification, 11.4 and 7.4.1). */
import { at } from "../words.js";

/** A fault recording register (11.4.7.6), two words. T1 and T2 together: write 0, page request 1, read 2, atomic 3. */
export const VTD_FRCD = {
	fi: at(0, 63, 12, 12),
	sid: at(1, 15, 0),
	t2: at(1, 28, 28),
	priv: at(1, 29, 29),
	exe: at(1, 30, 30),
	pp: at(1, 31, 31),
	fr: at(1, 39, 32),
	pv: at(1, 59, 40),
	at: at(1, 61, 60),
	t1: at(1, 62, 62),
	f: at(1, 63, 63),
};

/** The fault status register (11.4.7.1). */
export const VTD_FSTS = {
	pfo: at(0, 0, 0),
	ppf: at(0, 1, 1),
	iqe: at(0, 4, 4),
	ice: at(0, 5, 5),
	ite: at(0, 6, 6),
	fri: at(0, 15, 8),
};

/** The invalidation queue error record register (11.4.9.9). */
export const VTD_IQERCD = { iqei: at(0, 3, 0), itesid: at(0, 47, 32), icesid: at(0, 63, 48) };

/** The page request status register (11.4.11.4). */
export const VTD_PRS = { ppr: at(0, 0, 0), pro: at(0, 1, 1) };

/** Head and tail of the page request queue, in bytes. */
export const VTD_PQ_INDEX = { index: at(0, 18, 5, 5) };

/** A page request descriptor (7.4.1.1), four words. */
export const VTD_PAGE_REQUEST = {
	type: at(0, 7, 0),
	pasid_present: at(0, 8, 8),
	private_data_present: at(0, 9, 9),
	rid: at(0, 31, 16),
	pasid: at(0, 51, 32),
	exe_req: at(0, 52, 52),
	pm_req: at(0, 53, 53),
	rd_req: at(1, 0, 0),
	wr_req: at(1, 1, 1),
	lpig: at(1, 2, 2),
	prgi: at(1, 11, 3),
	address: at(1, 63, 12, 12),
	private_data: at(2, 63, 0),
};

/** The type of a page request descriptor. */
export const VTD_PAGE_REQUEST_TYPE = 1n;
