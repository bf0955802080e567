/** Registers SMMUv3 with the rest of the simulated kernel. */
import type { Vendor } from "../vendor.js";
import { type Smmuv3Iommu, smmuv3Board } from "./board.js";
import { smmuChecks } from "./checks.js";
import { smmuHitBy } from "./invalidations.js";
import { smmuQueue } from "./queue.js";
import { Smmu } from "./smmu.js";

export const smmuv3: Vendor<Smmuv3Iommu> = {
	...smmuv3Board,
	title: "SMMUv3",
	checks: smmuChecks,
	driver: (description, context) => new Smmu(description, context),
	queue: smmuQueue,
	pasidTable: "SMMUv3 CD table",
	hitBy: smmuHitBy,
};
