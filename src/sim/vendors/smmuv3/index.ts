import type { Smmuv3Iommu } from "../../board/description.js";
import type { DriverContext } from "../common/driver.js";
import { Smmu } from "./smmu.js";

/** An SMMUv3 of the machine, with its driver. */
export function createSmmuv3(description: Smmuv3Iommu, context: DriverContext): Smmu {
	return new Smmu(description, context);
}
