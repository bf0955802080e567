import type { Machine } from "./machine/description.js";
import { machineFromTraceHeader } from "./machine/trace-header.js";
import { Sim } from "./sim.js";

export interface SimOptions {
	/** the header of a trace: the machine is made as it says */
	readonly header?: unknown;
	/** the machine; without one (and without a header that names one) only the selftest's mock devices exist */
	readonly machine?: Machine;
}

/** A fresh simulated kernel. Throws a MachineError for a header that makes no sense. */
export function createSim({ machine, header }: SimOptions = {}): Sim {
	const named = machine === undefined ? machineFromTraceHeader(header) : undefined;
	const sim = new Sim(machine ?? named);
	// Programs recorded on x86 hardware turn bus mastering on themselves; elsewhere telling a device to do DMA does it.
	sim.dmaTurnsMasteringOn = !(named !== undefined && isHardware(header));
	return sim;
}

/** Whether the header names recorded x86 hardware by its IOMMU. */
function isHardware(header: unknown): boolean {
	return typeof header === "object" && header !== null && "iommu" in header;
}

export { loadMachine } from "./machine/parse.js";
export { withUapi } from "./proposals/uapi.js";
export type { SimProcess } from "./process.js";
export type { Sim } from "./sim.js";
