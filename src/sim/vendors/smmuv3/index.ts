/** Registers SMMUv3 with the rest of the simulated kernel. */
import type { Vendor } from "../vendor.js";
import { type Smmuv3Iommu, smmuv3Board } from "./board.js";
import * as checks from "./checks.js"; // deferred
import * as invalidations from "./invalidations.js"; // deferred
import * as queue from "./queue.js"; // deferred
import * as smmu from "./smmu.js"; // deferred

export const smmuv3: Vendor<Smmuv3Iommu> = {
	...smmuv3Board,
	title: "SMMUv3",
	get checks() {
		return checks.smmuChecks;
	},
	driver: (description, context) => new smmu.Smmu(description, context),
	get queue() {
		return queue.smmuQueue;
	},
	pasidTable: "SMMUv3 CD table",
	hitBy: (row) => invalidations.smmuHitBy(row),
};
