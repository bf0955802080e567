import type { Iommu } from "../board/description.js";
import { createAmd } from "./amd/index.js";
import type { DriverContext, HwIommu } from "./common/driver.js";
import { createSmmuv3 } from "./smmuv3/index.js";
import { createVtd } from "./vtd/index.js";

/** The driver for an IOMMU of the machine; undefined for kinds that have none (the selftest's makes its own devices). */
export function createHwIommu(description: Iommu, context: DriverContext): HwIommu | undefined {
	switch (description.kind) {
		case "vtd":
			return createVtd(description, context);
		case "amd":
			return createAmd(description, context);
		case "smmuv3":
			return createSmmuv3(description, context);
		default:
			return undefined;
	}
}
