import type { Machine } from "./board/description.js";
import { MachineError } from "./board/fields.js";
import { machineFromTraceHeader } from "./board/trace-header.js";
import { withUapi } from "./extensions/uapi.js";
import { Sim } from "./system/sim.js";
import { isRelease, Release } from "./uapi/release.js";

export interface SimOptions {
	/** the header of a trace: the machine is made as it says */
	readonly header?: unknown;
	/** the machine; without one (and without a header that names one) only the selftest's mock devices exist */
	readonly machine?: Machine;
	/** words of --uapi; a release among them (6.2 to 7.3) makes it answer as a kernel of that age */
	readonly uapi?: readonly string[];
}

/** A fresh simulated kernel. Throws a MachineError for a header that makes no sense. */
export function createSim({ machine, header, uapi = [] }: SimOptions = {}): Sim {
	const named = machine === undefined ? machineFromTraceHeader(header) : undefined;
	const from = machine ?? named;
	const sim = new Sim(from && withUapi(from, uapi));
	const releases = uapi.filter(isRelease);
	if (releases.length > 1) throw new MachineError([], `--uapi: a kernel is of one release, not of ${releases.join(" and ")}`);
	if (releases.length === 1) {
		sim.release = Release.named(releases[0]);
		if (sim.release === undefined)
			throw new MachineError([], `--uapi: "${releases[0]}" is no release with iommufd; there are 6.2 to 6.19 and 7.0 to 7.3`);
	}
	// Programs recorded on x86 hardware turn bus mastering on themselves; elsewhere telling a device to do DMA does it.
	sim.dmaTurnsMasteringOn = !(named !== undefined && isHardware(header));
	return sim;
}

/** Whether the header names recorded x86 hardware by its IOMMU. */
function isHardware(header: unknown): boolean {
	return typeof header === "object" && header !== null && "iommu" in header;
}

export { loadMachine } from "./board/parse.js";
export { SimControl } from "./control/control.js";
export { withUapi } from "./extensions/uapi.js";
export { type Inspection, inspect, type ObjectDetails, type ObjectView, type SpaceView } from "./system/inspect.js";
export type { Sim, SimProcess } from "./system/sim.js";
