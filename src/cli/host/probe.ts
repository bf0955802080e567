/** Describes the machine that we run on as a machine file, from sysfs. */
import { iommuPath } from "../frame/kernel-choice.js";
import type { Host } from "./host.js";
import { type Capabilities, capabilitiesOf } from "./pci-config.js";
import { featuresOf } from "./pci-features.js";

/** What the simulated kernel knows of machines. */
export interface Known {
	/** Reads a unit in the form of a machine file; undefined: no vendor knows it. */
	readonly unit: typeof import("../../sim/index.js").probedUnit;
	/** The model of a function with these IDs. */
	readonly model: typeof import("../../sim/index.js").modelWithIds;
}

/** A machine file's content, and what had to be assumed. */
export interface Probed {
	readonly machine: Readonly<Record<string, unknown>>;
	readonly notes: readonly string[];
}

type Json = Record<string, unknown>;

const unitsFolder = "/sys/class/iommu";
const groupsFolder = "/sys/kernel/iommu_groups";
const devicesFolder = "/sys/bus/pci/devices";
/** what the selftest driver registers */
const mockUnit = /^iommufd_selftest_iommu\b/;

/** The machine under `host` as a machine file: IOMMUs, bridges, PCI devices with their drivers and groups, mediated devices. `hwInfo`: what GET_HW_INFO answered, by the IOMMU's name. */
export function probeMachine(host: Host, { unit: readUnit, model }: Known, hwInfo: ReadonlyMap<string, Uint8Array> = new Map()): Probed {
	const notes: string[] = [];
	const note = (text: string) => void notes.push(text);
	const kernelArguments = line(host, "/proc/cmdline") ?? "";
	const names = host.list(unitsFolder);
	const iommus: Json[] = [];
	for (const name of names.filter((each) => !mockUnit.test(each))) {
		const read = (path: string): string | undefined => line(host, `${unitsFolder}/${name}/${path}`);
		const unit = readUnit({ name, read, kernelArguments, note, hwInfo: hwInfo.get(name) });
		if (unit === undefined) note(`${name}: an IOMMU of a kind that the simulated kernel does not have; it is left out`);
		else iommus.push({ name, ...unit });
	}
	const known = new Set(iommus.map(({ name }) => name));
	const devices: Json[] = [];
	const bridges: Json[] = [];
	for (const bdf of host.list(devicesFolder)) {
		const folder = `${devicesFolder}/${bdf}`;
		const capabilities = capabilitiesOf(host.bytes(`${folder}/config`));
		const group = numberIn(host.link(`${folder}/iommu_group`));
		if (capabilities.bridge !== undefined) bridges.push({ bdf, ...capabilities.bridge, ...(group !== undefined && { group }) });
		else if (group !== undefined || host.link(`${folder}/driver`) === "vfio-pci")
			devices.push(device(host, folder, bdf, { capabilities, known, model, group }));
	}
	if (devices.length > 0 && host.bytes(`${devicesFolder}/${devices[0].bdf}/config`).length <= 64)
		note("PASID, ATS, PRI and ACS of devices cannot be read without root, and are left out");
	if (names.some((name) => mockUnit.test(name)) || !host.exists(iommuPath)) iommus.push({ name: "mock", kind: "selftest" });
	const parameter = (module: string, name: string): boolean => line(host, `/sys/module/${module}/parameters/${name}`) === "Y";
	const machine = {
		name: "probed",
		about: `Linux ${host.release}, as sysfs describes it`,
		arch: host.exists("/sys/firmware/devicetree/base") ? "aarch64" : "x86-64",
		kernel: {
			unsafe_interrupts: parameter("iommufd", "allow_unsafe_interrupts"),
			sriov: parameter("vfio_pci", "enable_sriov"),
			noiommu: parameter("vfio", "enable_unsafe_noiommu_mode"),
		},
		iommus,
		bridges,
		devices,
		mdevs: mediated(host),
	};
	return { machine, notes };
}

interface Found {
	readonly capabilities: Capabilities;
	/** names of IOMMUs */
	readonly known: ReadonlySet<unknown>;
	readonly model: Known["model"];
	readonly group?: number;
}

function device(host: Host, folder: string, bdf: string, { capabilities, known, model, group }: Found): Json {
	const iommu = host.link(`${folder}/iommu`);
	const driver = host.link(`${folder}/driver`);
	const vfio = numberIn(host.list(`${folder}/vfio-dev`)[0]?.replace(/^(?:noiommu-)?vfio/, ""));
	const pf = host.link(`${folder}/physfn`);
	const reserved = group === undefined ? [] : reservedRegions(host, group);
	const [vendorId, deviceId] = [line(host, `${folder}/vendor`), line(host, `${folder}/device`)];
	// Only VFIO shows more of a function than its place.
	const pci = driver === "vfio-pci" ? featuresOf(host.bytes(`${folder}/config`), host.read(`${folder}/resource`) ?? "") : undefined;
	return {
		bdf,
		vendor: vendorId,
		device: deviceId,
		model: model(vendorId, deviceId),
		...(pci !== undefined && { pci }),
		...(iommu !== undefined && known.has(iommu) && { iommu }),
		driver: driver ?? "none",
		...(vfio !== undefined && { vfio }),
		...capabilities.functions,
		...(pf !== undefined && { pf }),
		...(group !== undefined && { group }),
		...(reserved.length > 0 && { reserved }),
	};
}

/** `0x00000000fee00000 0x00000000feefffff msi`, a line for each. */
function reservedRegions(host: Host, group: number): Json[] {
	const text = host.read(`${groupsFolder}/${group}/reserved_regions`) ?? "";
	return text
		.split("\n")
		.filter(Boolean)
		.map((row) => row.split(" "))
		.map(([first, last, type]) => ({ first: short(first), last: short(last), type: /^(?:msi|direct)$/.test(type) ? type : "reserved" }));
}

function mediated(host: Host): Json[] {
	const folder = "/sys/bus/mdev/devices";
	return host.list(folder).flatMap((name) => {
		const vfio = numberIn(host.list(`${folder}/${name}/vfio-dev`)[0]?.replace(/^vfio/, ""));
		return vfio === undefined ? [] : [{ name, vfio }];
	});
}

const line = (host: Host, path: string): string | undefined => host.read(path)?.trim();
const short = (hex: string): string => `0x${BigInt(hex).toString(16)}`;
const numberIn = (text: string | undefined): number | undefined => (text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined);
