/** Registers AMD's IOMMU with the rest of the simulated kernel. */
import type { Vendor } from "../vendor.js";
import { type AmdIommu, amdBoard, NESTED } from "./board.js";
import { amdChecks } from "./checks.js";
import { AmdDriver } from "./driver.js";
import { amdHitBy } from "./invalidations.js";
import { amdQueue } from "./queue.js";

export const amd: Vendor<AmdIommu> = {
	...amdBoard,
	title: "AMD",
	checks: amdChecks,
	driver: (description, context) => ({ name: description.name, description, driver: new AmdDriver(description, context) }),
	proposals: { "amd-nested": { doc: "AMD nested page tables, through a virtual IOMMU", option: NESTED } },
	queue: amdQueue,
	pasidTable: "AMD guest CR3 table",
	hitBy: amdHitBy,
};
