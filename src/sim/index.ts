/** The simulated kernel's public interface: with create.ts, all that code outside src/sim may import. */
import type { CallContract } from "./control/contracts.js";
import { vendors as all } from "./vendors/registry.js";
import type { Vendor } from "./vendors/vendor.js";

/** What every call checks, in order; the release is CURRENT_RELEASE. */
export async function contract(vendors: readonly Vendor[] = all): Promise<CallContract[]> {
	// Only who asks for it pays for it: calls need no list of all checks.
	return (await import("./control/contracts.js")).contracts(vendors);
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
export { createSim, mixedMachine, recordersFiles, type SimOptions } from "./create.js";
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
