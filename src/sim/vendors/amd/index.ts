/** Registers AMD's IOMMU with the rest of the simulated kernel. */
import type { Vendor } from "../vendor.js";
import { type AmdIommu, amdBoard, NESTED } from "./board.js";
import * as checks from "./checks.js"; // deferred
import * as driver from "./driver.js"; // deferred
import * as invalidations from "./invalidations.js"; // deferred
import * as queue from "./queue.js"; // deferred

export const amd: Vendor<AmdIommu> = {
	...amdBoard,
	title: "AMD",
	get checks() {
		return checks.amdChecks;
	},
	driver: (description, context) => ({ name: description.name, description, driver: new driver.AmdDriver(description, context) }),
	proposals: { "amd-nested": { doc: "AMD nested page tables, through a virtual IOMMU", option: NESTED } },
	get queue() {
		return queue.amdQueue;
	},
	pasidTable: "AMD guest CR3 table",
	hitBy: (row) => invalidations.amdHitBy(row),
};
