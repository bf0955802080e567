/** The list of vendors. To add one, create its folder and add it here. */
import { amd } from "./amd/index.js";
import { riscv } from "./riscv/index.js";
import { selftest } from "./selftest/index.js";
import { smmuv3 } from "./smmuv3/index.js";
import type { Vendor } from "./vendor.js";
import { vtd } from "./vtd/index.js";

/** All vendors, in the order in which texts list them. */
export const vendors: readonly Vendor[] = [vtd, smmuv3, amd, riscv, selftest];
