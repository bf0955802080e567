/** Checks what works in this environment, what does not, and how to fix it. */

import { btf } from "./btf.js";
import type { Check, Finding, Host } from "./check.js";
import { config, device, kernel, modules } from "./kernel.js";
import { programs, recording } from "./programs.js";
import { ffi, layouts, node, simulated } from "./runtime.js";
import { devices, groups, iommus, lockedMemory } from "./vfio.js";

export { hostAt } from "../../../host/host.js";
export type { Finding, Host, Status } from "./check.js";

const checks: readonly Check[] = [
	node,
	simulated,
	ffi,
	layouts,
	programs,
	recording,
	kernel,
	config,
	modules,
	btf,
	device,
	iommus,
	groups,
	devices,
	lockedMemory,
];

/** Runs every check, in the order in which things are needed. */
export async function examine(host: Host): Promise<Finding[]> {
	const findings: Finding[] = [];
	for (const check of checks) findings.push(await check(host));
	return findings;
}
