import { type Bdf, busOf, formatBdf, makeBdf, parseBdf } from "./bdf.js";
import type { Machine } from "./description.js";
import { MachineError } from "./fields.js";
import { checkMachine } from "./parse.js";

type Json = Record<string, unknown>;
type FileDevice = Json & { bdf: string; iommu?: string };

/**
 * The machine that a trace of real hardware was recorded on, from the trace's first line.
 * Undefined if the line names no hardware (a trace of the selftest). Throws a MachineError
 * if it names some and makes no sense.
 */
export function machineFromTraceHeader(header: unknown): Machine | undefined {
	// What iommuctl recorded on a simulated machine names it as a machine file does.
	if (isObject(header) && isObject(header.machine)) return checkMachine(header.machine);
	if (!isObject(header) || !Array.isArray(header.devices)) return undefined;
	const devices = header.devices.filter(isObject);
	if (typeof header.hw_info === "string") return checkMachine(smmuMachine(header, devices));
	if (isObject(header.iommu)) return checkMachine(x86Machine(header.iommu, devices));
	return undefined;
}

function x86Machine(iommu: Json, devices: Json[]): Json {
	const kind = text(iommu.kind);
	const kargs = text(iommu.kargs);
	const forced = kind.endsWith("-forced");
	const unit = x86Unit(kind, iommu, kargs, devices);
	// the NIC was given ATS where the unit said that it has device TLBs (ecap DT), and on the forced machines
	const translatesAts = forced || (kind.startsWith("vtd") && (BigInt(`0x${text(iommu.ecap) || "0"}`) & 4n) !== 0n);
	const list: FileDevice[] = [];
	const bridges = new Map<number, Json>();
	for (const device of devices) {
		if (device.emulated === true) continue;
		list.push(pciDevice(device, text(device.bdf), unit?.name as string | undefined, forced, translatesAts));
	}
	for (const device of devices) addMates(device, list, bridges, unit?.name as string | undefined);
	linkVirtualFunctions(list);
	addRootPorts(list, bridges);
	return {
		name: `trace-${kind}`,
		arch: "x86-64",
		kernel: {
			unsafe_interrupts: kargs.includes("allow_unsafe_interrupts=1"),
			sriov: kargs.includes("enable_sriov=1"),
			noiommu: kargs.includes("enable_unsafe_noiommu_mode=1"),
			amd_iommufd: !text(iommu.kernel_config).includes("not set"),
		},
		iommus: unit ? [unit] : [],
		bridges: [...bridges.values()],
		devices: list,
		mdevs: devices.filter((d) => d.emulated === true).map((d) => ({ name: text(d.role), vfio: vfioNumber(d) })),
	};
}

function x86Unit(kind: string, iommu: Json, kargs: string, devices: Json[]): Json | undefined {
	const reserved = reservedOf(devices.find((d) => Array.isArray(d.reserved)));
	if (kind.startsWith("vtd"))
		return {
			name: "dmar0",
			kind: "vtd",
			cap: `0x${text(iommu.cap)}`,
			ecap: `0x${text(iommu.ecap)}`,
			scalable: /\bsm_on\b/.test(kargs),
			reserved,
		};
	if (kind.startsWith("amd")) {
		const [efr, efr2] = text(iommu.features).split(":");
		// the recorded kernels found no I/O APIC and gave interrupt remapping up
		return {
			name: "amdvi0",
			kind: "amd",
			efr: `0x${efr}`,
			efr2: `0x${efr2}`,
			interrupt_remapping: false,
			reserved,
		};
	}
	if (kind === "noiommu") return undefined;
	throw new MachineError(["iommu", "kind"], `"${kind}" is no kind of IOMMU that traces have`);
}

const MODELS: Readonly<Record<string, string>> = {
	"0x1234:0x11e8": "edu",
	"0x1af4:0x1041": "virtio-net",
	"0x1b36:0x0010": "nvme",
	"0x8086:0x10c9": "igb",
	"0x8086:0x10ca": "igbvf",
};

function pciDevice(device: Json, bdf: string, iommu: string | undefined, forced: boolean, translatesAts: boolean): FileDevice {
	const model = MODELS[`${device.vendor}:${device.device}`] ?? "plain";
	const role = text(device.role);
	return {
		bdf,
		role,
		vendor: text(device.vendor),
		device: text(device.device),
		model,
		iommu,
		driver: "vfio-pci",
		vfio: vfioNumber(device),
		group: device.group,
		// on the forced machines, capabilities were written into this one's configuration space
		...(forced && role === "rciep" ? { ats: true, pasid_width: 20, pri: 32 } : {}),
		...(role === "ats" && translatesAts ? { ats: true } : {}),
	};
}

/** The members of a device's group that are listed nowhere else: host devices and bridges. */
function addMates(device: Json, list: FileDevice[], bridges: Map<number, Json>, iommu?: string): void {
	if (!isObject(device.members)) return;
	const bus = busOf(needBdf(text(device.bdf)));
	for (const [address, driver] of Object.entries(device.members)) {
		if (address === device.bdf) continue;
		const bdf = needBdf(address);
		if (driver === null) {
			// driverless and not on the device's own bus: the PCIe-to-PCI bridge above it
			if (busOf(bdf) !== bus) bridges.set(bus, { bdf: address, type: "pcie-to-pci", secondary: bus });
		} else if (!list.some((d) => d.bdf === address)) {
			// a host driver's, or a sibling that the programs of this suite did not use
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
	const functions = [...list.map((d) => d.bdf), ...[...bridges.values()].map((b) => text(b.bdf))];
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

/** machines of the SMMUv3 traces whose firmware does not promise coherent accesses */
const NOT_CANWBS = new Set(["nocanwbs", "fwb", "stage1", "stage2"]);

function smmuMachine(header: Json, devices: Json[]): Json {
	const machine = text(header.machine);
	const words = hexWords(text(header.hw_info));
	const units = [...new Set(devices.map((d) => text(d.smmu)))];
	const ats = (words[2] & 0x400) !== 0;
	const list = devices.map((d): FileDevice => {
		// the traces' own layout: the one device besides QEMU's edu is a NIC with ATS
		const nic = vfioNumber(d) === 6;
		return {
			...pciDevice({ ...d, vendor: "0x1234", device: "0x11e8" }, text(d.pci), text(d.smmu), false, false),
			...(nic ? { vendor: 0x1af4, device: 0x1041, model: "virtio-net", ats: true } : {}),
		};
	});
	const bridges = new Map<number, Json>();
	addRootPorts(list, bridges);
	return {
		name: `trace-smmuv3-${machine}`,
		arch: "aarch64",
		iommus: units.map((name) => ({
			name,
			kind: "smmuv3",
			idr: words.slice(2, 8),
			iidr: words[8],
			aidr: words[9],
			canwbs: !NOT_CANWBS.has(machine),
			ats,
			// the emulated SMMU walks from the root every time
			caches: { paging: 0 },
			reserved: reservedOf(devices.find((d) => d.smmu === name)),
		})),
		bridges: [...bridges.values()],
		devices: list,
	};
}

/** struct iommu_hw_info_arm_smmuv3: flags, reserved, IDR0 to 5, IIDR, AIDR */
function hexWords(hexText: string): number[] {
	const bytes = Buffer.from(hexText, "hex");
	if (bytes.length < 40) throw new MachineError(["hw_info"], "40 bytes in hex are wanted");
	return Array.from({ length: 10 }, (_, i) => bytes.readUInt32LE(i * 4));
}

function reservedOf(device: Json | undefined): Json[] {
	if (!Array.isArray(device?.reserved)) return [];
	return device.reserved.map((r: unknown) => {
		const [first, last, type] = typeof r === "string" ? r.split(" ") : (r as string[]);
		return { first, last, type };
	});
}

function vfioNumber(device: Json): number {
	const m = /vfio(\d+)$/.exec(text(device.path));
	if (!m) throw new MachineError(["devices"], `no number in the path "${device.path}"`);
	return Number(m[1]);
}

function needBdf(address: string): Bdf {
	const bdf = parseBdf(address);
	if (bdf === undefined) throw new MachineError(["devices"], `"${address}" is no PCI address`);
	return bdf;
}

function isObject(value: unknown): value is Json {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
	return typeof value === "string" ? value : "";
}
