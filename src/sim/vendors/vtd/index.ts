import type { VtdIommu } from "../../board/description.js";
import type { DriverContext, HwIommu } from "../common/driver.js";
import { VtdDriver } from "./driver.js";

/** A VT-d unit of the machine, with its driver. */
export function createVtd(description: VtdIommu, context: DriverContext): HwIommu {
	return { name: description.name, description, driver: new VtdDriver(description, context) };
}
