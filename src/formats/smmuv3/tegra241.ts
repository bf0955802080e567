/** Page 0 of a virtual interface (VINTF) of the Tegra241 CMDQV extension: the registers of its command queues. */
import { at } from "../words.js";

/** Bytes of the page, and from one queue's registers to the next one's. */
export const VINTF_PAGE0_SIZE = 0x1_0000;
export const LVCMDQ_STRIDE = 0x80;

/** A queue's registers of 32 bits, in bytes from its first one. They work as the SMMU's own of the same names (IHI0070, 6.3). */
export const LVCMDQ = { CONS_INDX: 0x00, PROD_INDX: 0x04, CONFIG: 0x08, STATUS: 0x0c, GERROR: 0x10, GERRORN: 0x14 } as const;

/** How many bytes of registers a queue has. */
export const LVCMDQ_REGISTERS = 0x18;

/** `wr`, `rd`: the index of an entry, and above it a bit that changes each time the queue wraps */
export const LVCMDQ_CONS = { rd: at(0, 19, 0), err: at(0, 30, 24) };
export const LVCMDQ_PROD = { wr: at(0, 19, 0) };
/** of CONFIG and STATUS */
export const LVCMDQ_ENABLE = 1;
/** of GERROR and GERRORN: an error is pending while they differ */
export const LVCMDQ_CMDQ_ERR = 1;

/** Errors of a command queue (IHI0070, 7.1). */
export const CERROR = { NONE: 0, ILL: 1, ABT: 2, ATC_INV_SYNC: 3 } as const;
