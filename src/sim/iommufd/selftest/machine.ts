/** The selftest's mock hardware. */
import type { Ret } from "../../../kernel/kernel.js";
import type { Release } from "../../uapi/release.js";
import { MockDriver } from "../../vendors/selftest/driver.js";
import type { Reasons } from "../../why/reasons.js";
import type { Command } from "../command.js";
import { testCommand } from "./commands.js";

/** One mock IOMMU, and devices that test commands create. */
export class MockMachine {
	readonly iommu: { readonly name: string; readonly driver: MockDriver };
	nextGroup = 0;

	constructor(reasons: Reasons, release?: Release) {
		this.iommu = { name: "selftest", driver: new MockDriver(reasons, release) };
	}

	/** IOMMU_TEST_CMD */
	run(command: Command): Ret {
		return testCommand(this, command);
	}
}
