/** The checks of DMA that devices are asked to make from outside, in order. */
import { accessCopyChecks } from "../iommufd/checks/access.js";
import type { Group } from "../why/check.js";
import { softwareDmaChecks } from "./checks.js";

export const controlContract = { dma: { software: softwareDmaChecks, copy: accessCopyChecks } } satisfies Record<string, Group>;
