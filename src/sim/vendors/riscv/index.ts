/** Registers the RISC-V IOMMU with the rest of the simulated kernel. */
import type { Vendor } from "../vendor.js";
import { NESTED, type RiscvIommu, riscvBoard } from "./board.js";
import * as checks from "./checks.js"; // deferred
import * as driver from "./driver.js"; // deferred
import * as invalidations from "./invalidations.js"; // deferred
import * as queue from "./queue.js"; // deferred

export const riscv: Vendor<RiscvIommu> = {
	...riscvBoard,
	title: "RISC-V",
	get checks() {
		return checks.riscvChecks;
	},
	driver: (description, context) => ({ name: description.name, description, driver: new driver.RiscvDriver(description, context) }),
	proposals: {
		"riscv-nested": { doc: "nesting on the RISC-V IOMMU, as posted (RFC v2, June 2024)", option: NESTED },
	},
	get queue() {
		return queue.riscvQueue;
	},
	pasidTable: "RISC-V process directory",
	hitBy: (row) => invalidations.riscvHitBy(row),
};
