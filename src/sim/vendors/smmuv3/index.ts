/** SMMUv3, as the rest of the simulated kernel knows it. */
import type { Vendor } from "../vendor.js";
import { type Smmuv3Iommu, smmuv3Board } from "./board.js";
import { smmuHitBy } from "./invalidations.js";
import { smmuQueue } from "./queue.js";
import { Smmu } from "./smmu.js";

export const smmuv3: Vendor<Smmuv3Iommu> = {
	...smmuv3Board,
	title: "SMMUv3",
	driver: (description, context) => new Smmu(description, context),
	queue: smmuQueue,
	pasidTable: "SMMUv3 CD table",
	events: [
		"Behind an SMMUv3: an event by its name, with its fields (address, rnw, class, ipa, s2 ...); the guest's event queue gets it,",
		"with the virtual stream ID, if the device is attached to a nested table and has a virtual device.",
	],
	hitBy: smmuHitBy,
};
