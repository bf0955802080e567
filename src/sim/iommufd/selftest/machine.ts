/** The selftest's mock hardware. */
import { ioctls } from "../../../../structs/index.js";
import type { Release } from "../../uapi/release.js";
import { MockDriver } from "../../vendors/selftest/driver.js";
import type { Reasons } from "../../why/reasons.js";
import { type Call, defineCall } from "../dispatch.js";
import { testCommand } from "./commands.js";

/** One mock IOMMU, and devices that test commands create. */
export class MockMachine {
	readonly iommu: { readonly name: string; readonly driver: MockDriver };
	readonly call: Call = defineCall(ioctls.IOMMU_TEST_CMD, (command) => testCommand(this, command));
	nextGroup = 0;

	constructor(reasons: Reasons, release?: Release) {
		this.iommu = { name: "selftest", driver: new MockDriver(reasons, release) };
	}
}
