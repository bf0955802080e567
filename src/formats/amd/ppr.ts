/** AMD's log of page requests (AMD I/O Virtualization Technology specification, 2.6), and the registers of both logs (3.4.9 to 3.4.13). */
import { at } from "../words.js";

/** An entry, two words. The tag's bit 9 marks the last request of its group. */
export const AMD_PPR = {
	device_id: at(0, 15, 0),
	pasid_low: at(0, 31, 16),
	tag: at(0, 40, 32),
	last: at(0, 41, 41),
	pasid_high: at(0, 45, 42),
	exec: at(0, 49, 49),
	read: at(0, 50, 50),
	write: at(0, 51, 51),
	us: at(0, 52, 52),
	gn: at(0, 54, 54),
	code: at(0, 63, 60),
	address: at(1, 63, 12, 12),
};

/** PAGE_SERVICE_REQUEST, the only code. */
export const AMD_PPR_CODE = 1n;

/** The IOMMU status register. */
export const AMD_STATUS = {
	event_overflow: at(0, 0, 0),
	event_log_int: at(0, 1, 1),
	event_log_run: at(0, 3, 3),
	cmd_buf_run: at(0, 4, 4),
	ppr_overflow: at(0, 5, 5),
	ppr_int: at(0, 6, 6),
	ppr_log_run: at(0, 7, 7),
};

/** Head and tail of a log, in bytes. */
export const AMD_LOG_INDEX = { index: at(0, 18, 4, 4) };
