/** The simulated kernel's public interface: the only file that code outside src/sim may import. */
import { RELEASE_RANGES } from "../../structs/release.js";
import type { Machine } from "./board/description.js";
import { MachineError } from "./board/fields.js";
import type { CallContract } from "./control/contracts.js";
import { Sim } from "./control/kernel.js";
import { withUapi } from "./extensions/uapi.js";
import { isRelease, Release } from "./uapi/release.js";
import { machineFromTraceHeader } from "./vendors/machines.js";
import { vendors as all } from "./vendors/registry.js";
import type { Vendor } from "./vendors/vendor.js";

export interface SimOptions {
	/** a trace header that describes the machine */
	readonly header?: unknown;
	/** the machine; without one (and without a header that names one) only the selftest's mock devices exist */
	readonly machine?: Machine;
	/** the names given to --uapi; a release makes the kernel answer as that release does. Without one, the header's `uapi` is it. */
	readonly uapi?: readonly string[];
	/** the vendors whose IOMMUs the machine may have */
	readonly vendors?: readonly Vendor[];
	/** requests that a header gives to calls of its own: the kernel does not know them */
	readonly replaced?: ReadonlySet<number>;
}

/** A fresh simulated kernel. Throws a MachineError for a header that makes no sense. */
export function createSim({ machine, header, uapi = [], vendors = all, replaced }: SimOptions = {}): Sim {
	const named = machine === undefined ? machineFromTraceHeader(header, vendors) : undefined;
	const from = machine ?? named;
	const sim = new Sim(from && withUapi(from, uapi, vendors), vendors, releaseOf(uapi, header));
	if (replaced !== undefined && replaced.size > 0) sim.replaced = replaced;
	// Programs recorded on x86 hardware enable bus mastering themselves; elsewhere it is enabled when a device is asked to do DMA.
	sim.dmaTurnsMasteringOn = !(named !== undefined && isHardware(header));
	sim.foreignFiles = recordersFiles(header);
	return sim;
}

/** What every call checks, in order; the release is CURRENT_RELEASE. */
export async function contract(vendors: readonly Vendor[] = all): Promise<CallContract[]> {
	// Only who asks for it pays for it: calls need no list of all checks.
	return (await import("./control/contracts.js")).contracts(vendors);
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

export { formatBdf, formatRid, parseBdf, ridOf, segmentOf } from "./board/bdf.js";
export type { Machine } from "./board/description.js";
export { modelWithIds } from "./board/models.js";
export { buildTopology } from "./board/topology.js";
export { ControlError, Refusal } from "./contract/control-error.js";
export type { CallContract, ContractCheck } from "./control/contracts.js";
export { SimControl } from "./control/control.js";
export { describedDevice, offersText } from "./control/devices.js";
export { type IrqName, type IrqRow, type IrqToRaise, type RaisedIrq, raiseIrq, shownIrqs, wakeDevice } from "./control/interrupts.js";
export type { Sim, SimProcess } from "./control/kernel.js";
export { findVdevice } from "./control/vdevices.js";
export { walkDevice, walkTable } from "./control/walks.js";
export { explainFault } from "./extensions/explain-fault.js";
export {
	batches,
	encodeDescriptor,
	type Forwarded,
	forward,
	type InvalidationArray,
	type QueueVendor,
	queueVendors,
} from "./extensions/forward.js";
export { aliasOf } from "./extensions/guest-tables.js";
export { respond2017 } from "./extensions/page-response.js";
export { proposals, withUapi } from "./extensions/uapi.js";
export { IntervalCounter } from "./memory/interval-counter.js";
export { MappableObject, type MemoryObject, type PageStore } from "./memory/memory-object.js";
export type { PhysicalMemory } from "./memory/physical-memory.js";
export { type Extent, pageOf, type UserMemory } from "./memory/user-memory.js";
export { NO_PASID } from "./mmu/caches.js";
export type { Caller } from "./process/caller.js";
export { ProcessCalls } from "./process/calls.js";
export type { EventFile, HeldEvent } from "./process/event-file.js";
export { SimFile, type UserIo } from "./process/file.js";
export {
	accountedPages,
	type DeviceView,
	deviceViews,
	type Inspection,
	inspect,
	type ObjectDetails,
	type ObjectView,
	type SpaceView,
} from "./system/inspect.js";
export { isRelease } from "./uapi/release.js";
export { ruleNames } from "./uapi/rule-names.js";
export type { DrawnStep, DrawnWalk } from "./vendors/common/draw-walk.js";
export type { QueueView, RegisterView } from "./vendors/common/records.js";
export type { Targets } from "./vendors/guest-queue.js";
export {
	BUILTIN_MACHINES,
	checkMachine,
	drawDot,
	drawMermaid,
	drawTree,
	loadMachine,
	machineFile,
	machineJson,
	probedUnit,
} from "./vendors/machines.js";
export { vendors } from "./vendors/registry.js";
