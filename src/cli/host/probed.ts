/** The machine that we run on, checked, for the simulated kernel. */
import type { Machine } from "../../sim/index.js";
import type { Host } from "./host.js";
import { probeMachine } from "./probe.js";

/** The machine that sysfs describes, and what had to be assumed. `hwInfo`: what GET_HW_INFO answered, by the IOMMU's name. @throws MachineError where sysfs makes no sense */
export async function probedMachine(
	host: Host,
	hwInfo?: ReadonlyMap<string, Uint8Array>,
): Promise<{ machine: Machine; notes: readonly string[] }> {
	const { checkMachine, modelWithIds, probedUnit } = await import("../../sim/index.js");
	const { machine, notes } = probeMachine(host, { unit: probedUnit, model: modelWithIds }, hwInfo);
	return { machine: checkMachine(machine), notes };
}
