import type { AmdIommu } from "../../board/description.js";
import type { DriverContext, HwIommu } from "../common/driver.js";
import { AmdDriver } from "./driver.js";

/** An AMD IOMMU of the machine, with its driver. */
export function createAmd(description: AmdIommu, context: DriverContext): HwIommu {
	return { name: description.name, description, driver: new AmdDriver(description, context) };
}
