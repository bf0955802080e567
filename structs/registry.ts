/** Look-ups by name and number over everything declared, and over what a header adds. */
import * as defines from "./defines.js";
import * as fault from "./fault.js";
import * as general from "./general.js";
import * as hwinfo from "./hwinfo.js";
import * as hwpt from "./hwpt.js";
import * as invalidate from "./invalidate.js";
import * as ioas from "./ioas.js";
import { type Ioctl, ioctls } from "./ioctls.js";
import * as proposals from "./proposals.js";
import * as proposalsRiscv from "./proposals-riscv.js";
import * as selftest from "./selftest.js";
import * as selftestCmd from "./selftest-cmd.js";
import * as selftestEnums from "./selftest-enums.js";
import { type ConstSet, isSet, setInfo } from "./sets.js";
import { StructType } from "./struct-type.js";
import { userfaultCalls } from "./userfault.js";
import * as vfio from "./vfio.js";
import * as vfioDefines from "./vfio-defines.js";
import { vfioDeviceCalls } from "./vfio-device-calls.js";
import * as viommu from "./viommu.js";

const families = [
	general,
	ioas,
	hwpt,
	hwinfo,
	invalidate,
	fault,
	viommu,
	defines,
	selftestEnums,
	selftest,
	selftestCmd,
	vfio,
	vfioDefines,
	proposals,
	proposalsRiscv,
];

const structsByName = new Map<string, StructType>();
const setsByName = new Map<string, ConstSet>();
for (const value of families.flatMap((family) => Object.values<unknown>(family))) {
	if (value instanceof StructType) structsByName.set(value.name, value);
	else if (isSet(value)) setsByName.set(setInfo(value).name, value);
}

/** Calls of other files, which have no row in `ioctls`. */
const foreign: readonly Ioctl[] = [...vfioDeviceCalls.values(), ...Object.values(userfaultCalls)];
/** Calls by name: those of /dev/iommu and what iommufd needs of VFIO, then those of other files. */
const callsByName = new Map<string, Ioctl>([...Object.values<Ioctl>(ioctls), ...foreign].map((one) => [one.name, one]));
/** For /dev/iommu, and files whose numbers nothing shares. */
const byRequest = new Map<number, Ioctl>();
for (const ioctl of [...Object.values<Ioctl>(ioctls), ...Object.values(userfaultCalls)]) {
	if (!byRequest.has(ioctl.request)) byRequest.set(ioctl.request, ioctl);
}
/** For a device's file, where a number means something else there. */
const byDeviceRequest = new Map<number, Ioctl>([...vfioDeviceCalls, [ioctls.VFIO_DEVICE_FEATURE.request, ioctls.VFIO_DEVICE_FEATURE]]);
const details = new Map<string, string>();

/** The struct with a uAPI (or proposal) name. */
export const structByName = (name: string): StructType | undefined => structsByName.get(name);

/** The set of constants with a name: an enum, a flag set, or defines. */
export const enumByName = (name: string): ConstSet | undefined => setsByName.get(name);

/** Every struct, the proposals' and headers' last. */
export const allStructs = (): readonly StructType[] => [...structsByName.values()];

/** Every set of constants. */
export const allSets = (): readonly ConstSet[] => [...setsByName.values()];

/** Every call that has a row in `ioctls`, then those of headers. */
export const allCalls = (): readonly Ioctl[] => [...callsByName.values()].filter((call) => !foreign.includes(call));

/** Every call, also those of other files that are not part of iommufd. */
export const everyCall = (): readonly Ioctl[] => [...callsByName.values()];

/**
 * The call of a full request number. For the number that two calls share (0x3b75), the kind of file decides:
 * VFIO_DEVICE_FEATURE for a device's file, VFIO_IOMMU_DIRTY_PAGES for /dev/iommu.
 */
export function ioctlByRequest(request: number, file: "context" | "device" = "context"): Ioctl | undefined {
	return (file === "device" ? byDeviceRequest.get(request) : undefined) ?? byRequest.get(request);
}

/** The call of a uAPI name that has a row in `ioctls`, or is a header's. */
export function ioctlByName(name: string): Ioctl | undefined {
	const found = callsByName.get(name);
	return found && foreign.includes(found) ? undefined : found;
}

/** The call of a uAPI name, also of those of devices' files that are not part of iommufd. */
export const ioctlNamed = (name: string): Ioctl | undefined => callsByName.get(name);

/** The row of a call as it is now: a header may have made its struct longer. */
export const rowOf = (call: { readonly name: string }): Ioctl => callsByName.get(call.name) ?? (call as Ioctl);

/** What a header's kernel-doc says of a struct besides its first line; paragraphs are separated by empty lines. */
export const detailsOf = (struct: string): string | undefined => details.get(struct);

/** The requests that headers took from declared calls. */
export const replacedRequests = (): ReadonlySet<number> => new Set(everyCall().flatMap((one) => (one.replaces ? [one.request] : [])));

/** What a header declares: each thing is new, or replaces that of the same name. */
export interface UapiAddition {
	readonly structs: readonly StructType[];
	readonly sets: readonly ConstSet[];
	readonly calls: readonly Ioctl[];
	/** longer texts by a struct's name */
	readonly details: ReadonlyMap<string, string>;
}

/** Adds a header's declarations to every look-up. Only at start-up: what was looked up before does not change. */
export function registerUapi(added: UapiAddition): void {
	for (const struct of added.structs) structsByName.set(struct.name, struct);
	for (const set of added.sets) setsByName.set(setInfo(set).name, set);
	for (const [name, text] of added.details) details.set(name, text);
	for (const call of added.calls) {
		callsByName.set(call.name, call);
		put(byRequest, call);
		if (call.name.startsWith("VFIO_DEVICE_")) put(byDeviceRequest, call);
	}
}

/** A number stays with the call that has it, unless the new one is the same call or says that it takes the number. */
function put(calls: Map<number, Ioctl>, call: Ioctl): void {
	const there = calls.get(call.request);
	if (there === undefined || there.name === call.name || there.name === call.replaces) calls.set(call.request, call);
}
