/** Makes simulated kernels: the part of the public interface (index.ts) that a plain call needs, which loads fast. */
import { RELEASE_RANGES } from "../../structs/release.js";
import type { LateMachine, Machine } from "./board/description.js";
import { MachineError } from "./board/fields.js";
import { Sim } from "./control/kernel.js";
import * as extending from "./extensions/uapi.js"; // deferred
import { isRelease, Release } from "./uapi/release.js";
import * as machines from "./vendors/machines.js"; // deferred
import type { Vendor } from "./vendors/vendor.js";

export interface SimOptions {
	/** a trace header that describes the machine */
	readonly header?: unknown;
	/** the machine; without one (and without a header that names one) only the selftest's mock devices exist */
	readonly machine?: Machine | LateMachine;
	/** the names given to --uapi; a release makes the kernel answer as that release does. Without one, the header's `uapi` is it. */
	readonly uapi?: readonly string[];
	/** the vendors whose IOMMUs the machine may have */
	readonly vendors?: readonly Vendor[];
	/** requests that a header gives to calls of its own: the kernel does not know them */
	readonly replaced?: ReadonlySet<number>;
}

/** The machine of a kernel unless another is named: one IOMMU of each kind. */
export const mixedMachine: LateMachine = { mocks: true, make: () => machines.checkMachine(machines.BUILTIN_MACHINES.mixed) };

/** A fresh simulated kernel. Throws a MachineError for a header that makes no sense. */
export function createSim({ machine, header, uapi = [], vendors, replaced }: SimOptions = {}): Sim {
	const named = machine === undefined && header !== undefined ? machines.machineFromTraceHeader(header, vendors) : undefined;
	const sim = new Sim(extended(machine ?? named, uapi, vendors), vendors, releaseOf(uapi, header));
	if (replaced !== undefined && replaced.size > 0) sim.replaced = replaced;
	// Programs recorded on x86 hardware enable bus mastering themselves; elsewhere it is enabled when a device is asked to do DMA.
	sim.dmaTurnsMasteringOn = !(named !== undefined && isHardware(header));
	sim.foreignFiles = recordersFiles(header);
	return sim;
}

function extended(machine: Machine | LateMachine | undefined, uapi: readonly string[], vendors: readonly Vendor[] | undefined) {
	if (machine === undefined || uapi.length === 0) return machine;
	return extending.withUapi("make" in machine ? machine.make() : machine, uapi, vendors);
}

/** The release that --uapi names, else the one that a trace's header does; undefined: 7.3. */
function releaseOf(uapi: readonly string[], header: unknown): Release | undefined {
	const given = uapi.filter(isRelease);
	if (given.length > 1) throw new MachineError([], `--uapi: a kernel has one release, not ${given.join(" and ")}`);
	const recorded = typeof header === "object" && header !== null && "uapi" in header ? header.uapi : undefined;
	if (given.length === 0 && recorded === undefined) return undefined;
	const name = given[0] ?? recorded;
	const release = typeof name === "string" ? Release.named(name) : undefined;
	if (release !== undefined) return release;
	const where = given.length > 0 ? "--uapi" : "uapi in the trace's header";
	throw new MachineError([], `${where}: ${JSON.stringify(name)} is not a release with iommufd; those are ${RELEASE_RANGES}`);
}

/** How many files, from number 0 on, whatever recorded a trace had itself: a real kernel's traces may name them, and their programs' numbers begin behind them. */
export function recordersFiles(header: unknown): number {
	return isRealRecording(header) ? 10 : 0;
}

/** Whether the header names the release of a real kernel. */
function isRealRecording(header: unknown): boolean {
	return typeof header === "object" && header !== null && "kernel" in header && /^\d/.test(String(header.kernel));
}

/** Whether the header names recorded x86 hardware by its IOMMU. */
function isHardware(header: unknown): boolean {
	return typeof header === "object" && header !== null && "iommu" in header;
}
