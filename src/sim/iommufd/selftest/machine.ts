import { ioctls } from "../../../../structs/index.js";
import { MockDriver } from "../../vendors/selftest/driver.js";
import { type Call, defineCall } from "../dispatch.js";
import { testCommand } from "./commands.js";

/** The selftest's hardware: one IOMMU, and devices that test commands make. */
export class MockMachine {
	readonly iommu = { name: "selftest", driver: new MockDriver() };
	readonly call: Call = defineCall(ioctls.IOMMU_TEST_CMD, (command) => testCommand(this, command));
	nextGroup = 0;
}
