/** The RISC-V IOMMU's page request queue: records of 16 bytes (RISC-V IOMMU Architecture Specification 1.0, 3.3). */
import { at } from "../words.js";

export const RISCV_PAGE_REQUEST = {
	pid: at(0, 31, 12),
	pv: at(0, 32, 32),
	priv: at(0, 33, 33),
	exec: at(0, 34, 34),
	did: at(0, 63, 40),
	r: at(1, 0, 0),
	w: at(1, 1, 1),
	l: at(1, 2, 2),
	prgi: at(1, 11, 3),
	address: at(1, 63, 12, 12),
};
