/** Rebuilds the machine that a trace was recorded on from the trace's header. */

import { type Bdf, busOf, formatBdf, makeBdf, parseBdf } from "./bdf.js";
import type { Machine } from "./description.js";
import { MachineError } from "./fields.js";
import { modelWithIds } from "./models.js";
import { checkMachine } from "./parse.js";
import type { BoardVendor, RecordedIommus } from "./vendor.js";

type Json = Record<string, unknown>;
type FileDevice = Json & { bdf: string; iommu?: string };

/**
 * The machine that a trace of real hardware was recorded on, from the trace's first line.
 * Undefined if the line names no hardware (a trace of the selftest). Throws a MachineError
 * if it names hardware that makes no sense.
 */
export function machineFromTraceHeader(header: unknown, vendors: readonly BoardVendor[]): Machine | undefined {
	// a trace that iommuctl recorded on a simulated machine contains the machine file
	if (isObject(header) && isObject(header.machine)) return checkMachine(header.machine, vendors);
	if (!isObject(header) || !Array.isArray(header.devices)) return undefined;
	for (const vendor of vendors) {
		const recorded = vendor.recorded?.(header);
		if (recorded !== undefined) return checkMachine(recordedMachine(header, recorded), vendors);
	}
	if (!isObject(header.iommu)) return undefined;
	const kind = textOf(header.iommu, "kind");
	if (kind !== NO_IOMMU.name) throw new MachineError(["iommu", "kind"], `"${kind}" is not a kind of IOMMU that traces have`);
	return checkMachine(recordedMachine(header, NO_IOMMU), vendors);
}

/** A machine without an IOMMU, as headers name it. */
const NO_IOMMU: RecordedIommus = { name: "noiommu", arch: "x86-64", iommus: [], deviceTlbs: false };

/**
 * A quirk of recorded machines whose kind has this suffix: registers were changed in QEMU's memory, and capabilities
 * were written into the configuration space of the device with that role.
 */
const FORCED = { kind: /-forced$/, role: "rciep", capabilities: { ats: true, pasid_width: 20, pri: 32 } };

function recordedMachine(header: Json, recorded: RecordedIommus): Json {
	const { name, arch, kernel, iommus, deviceTlbs } = recorded;
	const entries = entriesOf(header.devices);
	const kargs = textOf(header.iommu, "kargs");
	const forced = FORCED.kind.test(name);
	const unit = iommus[0]?.name as string | undefined;
	const list: FileDevice[] = [];
	const bridges = new Map<number, Json>();
	for (const entry of entries) {
		if (entry.emulated === true) continue;
		const role = textOf(entry, "role");
		list.push({
			...pciDevice(entry, unit),
			...(forced && role === FORCED.role ? FORCED.capabilities : {}),
			// the NIC had ATS if the IOMMU supports device TLBs, and on the forced machines
			...(role === "ats" && (forced || deviceTlbs) ? { ats: true } : {}),
			...recorded.device?.(entry),
		});
	}
	for (const entry of entries) addMates(entry, list, bridges, unit);
	linkVirtualFunctions(list);
	addRootPorts(list, bridges);
	return {
		name: `trace-${name}`,
		arch,
		kernel: {
			unsafe_interrupts: kargs.includes("allow_unsafe_interrupts=1"),
			sriov: kargs.includes("enable_sriov=1"),
			noiommu: kargs.includes("enable_unsafe_noiommu_mode=1"),
			...kernel,
		},
		iommus,
		bridges: [...bridges.values()],
		devices: list,
		mdevs: entries.filter((d) => d.emulated === true).map((d) => ({ name: textOf(d, "role"), vfio: vfioNumber(d) })),
	};
}

function pciDevice(entry: Json, iommu: string | undefined): FileDevice {
	// an entry without IDs is QEMU's edu
	const { vendor = "0x1234", device = "0x11e8" } = entry;
	return {
		bdf: addressOf(entry),
		role: textOf(entry, "role"),
		vendor,
		device,
		model: modelWithIds(vendor, device),
		iommu,
		driver: "vfio-pci",
		vfio: vfioNumber(entry),
		group: entry.group,
	};
}

const addressOf = (entry: Json): string => textOf(entry, "bdf") || textOf(entry, "pci");

/** The members of a device's group that are listed nowhere else: host devices and bridges. */
function addMates(device: Json, list: FileDevice[], bridges: Map<number, Json>, iommu?: string): void {
	if (!isObject(device.members)) return;
	const own = addressOf(device);
	const bus = busOf(needBdf(own));
	for (const [address, driver] of Object.entries(device.members)) {
		if (address === own) continue;
		const bdf = needBdf(address);
		if (driver === null) {
			// driverless and not on the device's own bus: the PCIe-to-PCI bridge above it
			if (busOf(bdf) !== bus) bridges.set(bus, { bdf: address, type: "pcie-to-pci", secondary: bus });
		} else if (!list.some((d) => d.bdf === address)) {
			// a host driver's device, or a sibling that the recorded programs did not use
			const model = driver === "vfio-pci" ? "edu" : "plain";
			list.push({ bdf: address, iommu, driver, model, group: device.group });
		}
	}
}

function linkVirtualFunctions(list: FileDevice[]): void {
	for (const vf of list.filter((d) => d.model === "igbvf")) {
		const bus = busOf(needBdf(vf.bdf));
		vf.pf = list.find((d) => d.model === "igb" && busOf(needBdf(d.bdf)) === bus)?.bdf;
	}
}

/**
 * Headers leave out the ports that isolate what is below them. Each bus without a bridge gets
 * a root port in a free slot of bus 0, or of the bus before it (another root complex).
 */
function addRootPorts(list: FileDevice[], bridges: Map<number, Json>): void {
	const functions = [...list.map((d) => d.bdf), ...[...bridges.values()].map((b) => textOf(b, "bdf"))];
	const taken = new Set(functions.map((f) => needBdf(f)));
	const rootIommu = list.find((d) => busOf(needBdf(d.bdf)) === 0)?.iommu;
	for (const address of functions) {
		const bus = busOf(needBdf(address));
		if (bus === 0 || bridges.has(bus)) continue;
		const below = list.find((d) => d.bdf === address);
		const foreign = below !== undefined && below.iommu !== rootIommu && rootIommu !== undefined;
		// PCIe links have device 0 only (and VFs): another number means a conventional bus
		const conventional = below !== undefined && !below.pf && ((needBdf(address) >> 3) & 31) !== 0;
		const bdf = freeSlot(foreign ? bus - 1 : 0, taken);
		bridges.set(bus, {
			bdf: formatBdf(bdf),
			type: conventional ? "pcie-to-pci" : "root-port",
			secondary: bus,
		});
	}
}

function freeSlot(bus: number, taken: Set<Bdf>): Bdf {
	for (let device = 0x14; device < 32; device++) {
		const bdf = makeBdf(0, bus, device, 0);
		if (taken.has(bdf)) continue;
		taken.add(bdf);
		return bdf;
	}
	throw new MachineError(["devices"], `bus ${bus} has no free slot left`);
}

/** The reserved regions of the first device that lists any, in the form of a machine file. */
export function recordedReserved(devices: unknown): Json[] {
	const device = entriesOf(devices).find((d) => Array.isArray(d.reserved));
	return ((device?.reserved ?? []) as unknown[]).map((r) => {
		const [first, last, type] = typeof r === "string" ? r.split(" ") : (r as string[]);
		return { first, last, type };
	});
}

function vfioNumber(device: Json): number {
	const m = /vfio(\d+)$/.exec(textOf(device, "path"));
	if (!m) throw new MachineError(["devices"], `no number in the path "${device.path}"`);
	return Number(m[1]);
}

function needBdf(address: string): Bdf {
	const bdf = parseBdf(address);
	if (bdf === undefined) throw new MachineError(["devices"], `"${address}" is not a PCI address`);
	return bdf;
}

function isObject(value: unknown): value is Json {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list in a header. */
export function entriesOf(list: unknown): Json[] {
	return Array.isArray(list) ? list.filter(isObject) : [];
}

/** A text field of an object in a header; "" if it is absent or not text. */
export function textOf(object: unknown, field: string): string {
	const value = isObject(object) ? object[field] : undefined;
	return typeof value === "string" ? value : "";
}
