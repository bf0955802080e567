/** The checks of DMA that devices are asked to make from outside. */
import { EFAULT } from "../../kernel/errno.js";
import { check, checks } from "../why/check.js";

/** DMA of a device that no IOMMU translates for. */
export const softwareDmaChecks = checks("simulated machine", {
	noAccess: check(EFAULT, "{device} {state}", "a device that software emulates must be bound, and attached to an IOAS"),
});
