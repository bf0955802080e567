/** The vendors. A new one is its folder, and one row here. */
import { amd } from "./amd/index.js";
import { selftest } from "./selftest/index.js";
import { smmuv3 } from "./smmuv3/index.js";
import type { Vendor } from "./vendor.js";
import { vtd } from "./vtd/index.js";

/** In the order in which texts name them. */
export const vendors: readonly Vendor[] = [vtd, smmuv3, amd, selftest];
