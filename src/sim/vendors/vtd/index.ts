/** Registers VT-d with the rest of the simulated kernel. */
import { iommu_hwpt_invalidate_data_type as DATA, iommu_hwpt_vtd_s1_invalidate_v10 as ENTRY } from "../../../../structs/index.js";
import type { Vendor } from "../vendor.js";
import { INV_V10, type VtdIommu, vtdBoard } from "./board.js";
import * as checks from "./checks.js"; // deferred
import * as driver from "./driver.js"; // deferred
import * as invalidations from "./invalidations.js"; // deferred
import * as queue from "./queue.js"; // deferred

export const vtd: Vendor<VtdIommu> = {
	...vtdBoard,
	title: "VT-d",
	get checks() {
		return checks.vtdChecks;
	},
	driver: (description, context) => ({ name: description.name, description, driver: new driver.VtdDriver(description, context) }),
	proposals: {
		"vtd-inv-v10": {
			doc: "VT-d invalidation entries report ICE and ITE in their last word (patches v7 to v10)",
			option: INV_V10,
			entryErrors: { type: DATA.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, entry: ENTRY },
		},
	},
	get queue() {
		return queue.vtdQueue;
	},
	pasidTable: "VT-d PASID directory",
	siov: "VT-d in scalable mode",
	hitBy: (row) => invalidations.vtdHitBy(row),
};
