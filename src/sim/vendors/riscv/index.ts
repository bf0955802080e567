/** Registers the RISC-V IOMMU with the rest of the simulated kernel. */
import type { Vendor } from "../vendor.js";
import { NESTED, type RiscvIommu, riscvBoard } from "./board.js";
import { riscvChecks } from "./checks.js";
import { RiscvDriver } from "./driver.js";
import { riscvHitBy } from "./invalidations.js";
import { riscvQueue } from "./queue.js";

export const riscv: Vendor<RiscvIommu> = {
	...riscvBoard,
	title: "RISC-V",
	checks: riscvChecks,
	driver: (description, context) => ({ name: description.name, description, driver: new RiscvDriver(description, context) }),
	proposals: {
		"riscv-nested": { doc: "nesting on the RISC-V IOMMU, as posted (RFC v2, June 2024)", option: NESTED },
	},
	queue: riscvQueue,
	pasidTable: "RISC-V process directory",
	hitBy: riscvHitBy,
};
