/** SMMUv3's page requests (IHI0070, 8) and the registers of its queues (6.3.25 to 6.3.35). */
import { at } from "../words.js";

/** A page request, two words. */
export const SMMU_PAGE_REQUEST = {
	sid: at(0, 31, 0),
	ssid: at(0, 51, 32),
	priv: at(0, 58, 58),
	x: at(0, 59, 59),
	r: at(0, 60, 60),
	w: at(0, 61, 61),
	last: at(0, 62, 62),
	ssv: at(0, 63, 63),
	prg_index: at(1, 8, 0),
	address: at(1, 63, 12, 12),
};

/** PROD: `index` with a wrap bit above the queue's size; `overflow` toggles. */
export const SMMU_PROD = { index: at(0, 19, 0), overflow: at(0, 31, 31) };
/** CONS: `acknowledged` is the overflow flag that software has seen. */
export const SMMU_CONS = { index: at(0, 19, 0), acknowledged: at(0, 31, 31) };
/** CMDQ_CONS: why the command at the index was not done; 3: an ATC_INV did not end (CERROR_ATC_INV_SYNC). */
export const SMMU_CMDQ_CONS = { index: at(0, 19, 0), err: at(0, 30, 24) };
/** GERROR: `cmdq` toggles with each such command. */
export const SMMU_GERROR = { cmdq: at(0, 0, 0), eventq_abt: at(0, 2, 2), priq_abt: at(0, 3, 3) };
