/** Machine files: checks a description and completes it. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatBdf, slotOf } from "./bdf.js";
import { builtinMachines } from "./builtin.js";
import type { Bridge, BridgeType, Iommu, Machine, MediatedDevice, PciDevice, ReservedRegion, SiovDevice } from "./description.js";
import { Fields, MachineError, type Path, readInteger } from "./fields.js";
import { readFeatures } from "./pci-features.js";
import { buildTopology } from "./topology.js";
import { type BoardVendor, vendorOf } from "./vendor.js";

/**
 * Checks a machine description (the plain data of a YAML or JSON file) and completes it.
 * Throws a MachineError that names the field.
 */
export function checkMachine(raw: unknown, vendors: readonly BoardVendor[]): Machine {
	const f = Fields.of(raw, []);
	// `machine show --json` adds these, and its output is a machine file too
	for (const derived of ["schema", "groups"]) f.get(derived);
	const version = f.int("version", 1_000_000);
	if (version !== undefined && version !== 1) f.fail("version", `version ${version} is not supported; the only version is 1`);
	const machine = numberVfio({
		name: f.need("name", f.text("name")),
		about: f.text("about"),
		arch: f.choice("arch", ["x86-64", "aarch64", "riscv64", "mixed"]) ?? "x86-64",
		kernel: f.map("kernel", (k) => ({
			unsafeInterrupts: k.bool("unsafe_interrupts", false),
			sriov: k.bool("sriov", false),
			noiommu: k.bool("noiommu", false),
			vendor: Object.fromEntries(kernelOptions(vendors).map(([name, otherwise]) => [name, k.bool(name, otherwise)])),
		})),
		iommus: f.each("iommus", (iommu) => readIommu(iommu, vendors)),
		bridges: f.each("bridges", readBridge),
		devices: f.each("devices", readDevice),
		siov: f.each("siov", readSiov),
		mdevs: f.each("mdevs", readMdev),
	});
	f.done();
	checkReferences(machine);
	buildTopology(machine);
	return machine;
}

function readReserved(f: Fields): ReservedRegion[] {
	return f.each("reserved", (r) => {
		const first = r.need("first", r.u64("first"));
		const last = r.need("last", r.u64("last"));
		if (last < first) r.fail("last", "ends before it begins");
		return { first, last, type: r.choice("type", ["msi", "reserved", "direct"]) ?? "reserved" };
	});
}

/** Every vendor's options of the kernel, in alphabetical order. */
function kernelOptions(vendors: readonly BoardVendor[]): [name: string, otherwise: boolean][] {
	return vendors.flatMap((vendor) => Object.entries(vendor.kernelOptions ?? {})).sort(([a], [b]) => (a < b ? -1 : 1));
}

function readIommu(f: Fields, vendors: readonly BoardVendor[]): Iommu {
	const name = f.need("name", f.text("name"));
	const kinds = vendors.map((vendor) => vendor.kind);
	const kind = f.need("kind", f.choice("kind", kinds));
	const reserved = readReserved(f);
	const caches = f.map("caches", (c) => ({
		iotlb: c.int("iotlb", 1_000_000),
		paging: c.int("paging", 1_000_000),
		pasid: c.int("pasid", 1_000_000),
		atc: c.int("atc", 1_000_000),
	}));
	const vendor = vendorOf(vendors, kind);
	const quirks = f.choices("quirks", Object.keys(vendor.quirks ?? {}));
	const queues = f.map("queues", (q) => ({ events: queueSize(q, "events"), page_requests: queueSize(q, "page_requests") }));
	return vendor.parse(f, { kind, name, reserved, caches, quirks, queues });
}

/** The number of records that a queue has room for; hardware wants a power of two. */
function queueSize(f: Fields, name: string): number | undefined {
	const size = f.int(name, 1 << 19);
	if (size !== undefined && (size === 0 || (size & (size - 1)) !== 0)) f.fail(name, `${size} is not a power of two`);
	return size;
}

function readBridge(f: Fields): Bridge {
	const type = f.need("type", f.choice<BridgeType>("type", ["root-port", "upstream", "downstream", "pcie-to-pci", "pci"]));
	return {
		bdf: f.need("bdf", f.bdf("bdf")),
		type,
		secondary: f.need("secondary", f.int("secondary", 255)),
		// conventional PCI has no access control to offer
		acs: f.bool("acs", type !== "pcie-to-pci" && type !== "pci"),
		group: f.int("group", 1_000_000),
	};
}

function readDevice(f: Fields): PciDevice {
	const pf = f.bdf("pf");
	const driver = f.text("driver") ?? "vfio-pci";
	return {
		bdf: f.need("bdf", f.bdf("bdf")),
		role: f.text("role"),
		vendor: f.int("vendor", 0xffff) ?? 0x1234,
		device: f.int("device", 0xffff) ?? 0x11e8,
		model: f.choice("model", ["edu", "virtio-net", "nvme", "igb", "igbvf", "plain"]) ?? "edu",
		features: readFeatures(f),
		iommu: f.text("iommu"),
		driver: driver === "none" ? undefined : driver,
		vfio: f.int("vfio", 1_000_000),
		pasidWidth: f.int("pasid_width", 20) ?? 0,
		ats: f.bool("ats", false),
		pri: f.int("pri", 0x7fff_ffff) ?? 0,
		stall: f.bool("stall", false),
		acs: f.bool("acs", pf !== undefined),
		function0Rid: f.bool("function0_rid", false),
		pf,
		group: f.int("group", 1_000_000),
		reserved: readReserved(f),
	};
}

/** Gives devices without a stated /dev/vfio/devices number the free numbers, in order. */
function numberVfio(machine: Machine): Machine {
	const { devices, siov, mdevs } = machine;
	const taken = new Set([...devices, ...siov, ...mdevs].map((d) => d.vfio));
	let next = 0;
	const free = () => {
		while (taken.has(next)) next++;
		return next++;
	};
	return {
		...machine,
		devices: devices.map((d) => (d.driver === "vfio-pci" && d.vfio === undefined ? { ...d, vfio: free() } : d)),
		siov: siov.map((s) => (s.vfio < 0 ? { ...s, vfio: free() } : s)),
		mdevs: mdevs.map((m) => (m.vfio < 0 ? { ...m, vfio: free() } : m)),
	};
}

/** placeholder for "no number stated" until numberVfio runs */
const UNNUMBERED = -1;

/** PASIDs have 20 bits. */
const MAX_PASID = 0xfffff;

function readSiov(f: Fields): SiovDevice {
	const one = f.int("pasid", MAX_PASID);
	const several = f.list("pasids").map(({ value, path }) => Number(readInteger(value, path, BigInt(MAX_PASID))));
	if (one !== undefined && several.length > 0) f.fail("pasids", "give pasid or pasids, not both");
	const pasids = several.length > 0 ? [...new Set(several)] : [f.need("pasid", one)];
	return {
		name: f.need("name", f.text("name")),
		parent: f.need("parent", f.bdf("parent")),
		pasid: pasids[0],
		pasids,
		vfio: f.int("vfio", 1_000_000) ?? UNNUMBERED,
	};
}

function readMdev(f: Fields): MediatedDevice {
	return {
		name: f.need("name", f.text("name")),
		parent: f.bdf("parent"),
		vfio: f.int("vfio", 1_000_000) ?? UNNUMBERED,
	};
}

function checkReferences(machine: Machine): void {
	const iommus = new Set<string>();
	machine.iommus.forEach((iommu, i) => {
		if (iommus.has(iommu.name)) throw new MachineError(["iommus", i, "name"], `two IOMMUs are called "${iommu.name}"`);
		iommus.add(iommu.name);
	});
	const functions = new Map<number, PciDevice | Bridge>();
	const addFunction = (it: PciDevice | Bridge, path: Path) => {
		if (functions.has(it.bdf)) throw new MachineError([...path, "bdf"], `${formatBdf(it.bdf)} is already in use`);
		functions.set(it.bdf, it);
	};
	machine.bridges.forEach((b, i) => {
		addFunction(b, ["bridges", i]);
	});
	const devices = new Map<number, PciDevice>();
	const vfio = new Set<number>();
	const addVfio = (n: number | undefined, path: Path) => {
		if (n !== undefined && vfio.has(n)) throw new MachineError([...path, "vfio"], `vfio${n} is already in use`);
		if (n !== undefined) vfio.add(n);
	};
	machine.devices.forEach((d, i) => {
		const path = ["devices", i];
		addFunction(d, path);
		devices.set(d.bdf, d);
		addVfio(d.vfio, path);
		if (d.vfio !== undefined && d.driver !== "vfio-pci")
			throw new MachineError([...path, "vfio"], "only a device with driver vfio-pci has one");
		if (d.iommu !== undefined && !iommus.has(d.iommu))
			throw new MachineError([...path, "iommu"], `no IOMMU is called "${d.iommu}"; there are ${[...iommus].join(", ") || "none"}`);
		if (d.pri > 0 && !d.ats) throw new MachineError([...path, "pri"], "page requests need ATS (ats: true)");
	});
	machine.devices.forEach((d, i) => {
		if (d.pf !== undefined && !devices.has(d.pf)) throw new MachineError(["devices", i, "pf"], `no device at ${formatBdf(d.pf)}`);
		if (d.function0Rid && !functions.has(slotOf(d.bdf)))
			throw new MachineError(["devices", i, "function0_rid"], `there is no function 0 at ${formatBdf(slotOf(d.bdf))}`);
	});
	machine.siov.forEach((s, i) => {
		addVfio(s.vfio, ["siov", i]);
		const parent = devices.get(s.parent);
		if (!parent) throw new MachineError(["siov", i, "parent"], `no device at ${formatBdf(s.parent)}`);
		for (const pasid of s.pasids)
			if (pasid >= 2 ** parent.pasidWidth)
				throw new MachineError(["siov", i, "pasid"], `the parent's PASIDs have ${parent.pasidWidth} bits; ${pasid} does not fit`);
		for (const other of machine.siov.slice(0, i)) {
			// two that own the very same PASIDs look alike, and form a group; two that overlap could not be routed
			const shared = other.parent === s.parent ? s.pasids.find((pasid) => other.pasids.includes(pasid)) : undefined;
			if (shared !== undefined && String(s.pasids) !== String(other.pasids))
				throw new MachineError(["siov", i, "pasid"], `PASID ${shared} already belongs to ${other.name}`);
		}
	});
	machine.mdevs.forEach((m, i) => {
		addVfio(m.vfio, ["mdevs", i]);
		if (m.parent !== undefined && !functions.has(m.parent))
			throw new MachineError(["mdevs", i, "parent"], `no device at ${formatBdf(m.parent)}`);
	});
}

/** Parses a machine file's text (YAML or JSON). Throws a MachineError with file, line and field. */
export async function parseMachine(text: string, file: string, vendors: readonly BoardVendor[]): Promise<Machine> {
	const { parseDocument, LineCounter, isNode } = await import("yaml");
	const lines = new LineCounter();
	const doc = parseDocument(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false });
	const bad = doc.errors[0];
	if (bad) {
		const line = lines.linePos(bad.pos[0]).line;
		throw new MachineError([], bad.message, { file, line });
	}
	try {
		return checkMachine(doc.toJS({ maxAliasCount: 100 }), vendors);
	} catch (error) {
		if (!(error instanceof MachineError)) throw error;
		// walk up the path to something the file contains: a missing field has no line
		for (let n = error.path.length; n >= 0; n--) {
			const node = n === 0 ? doc.contents : doc.getIn(error.path.slice(0, n), true);
			if (isNode(node) && node.range) {
				const line = lines.linePos(node.range[0]).line;
				throw new MachineError(error.path, error.problem, { file, line });
			}
		}
		throw new MachineError(error.path, error.problem, { file });
	}
}

/** A built-in machine by its name, or a machine file (relative to `folder`). Throws a MachineError. */
export async function loadMachine(nameOrFile: string, folder: string, vendors: readonly BoardVendor[]): Promise<Machine> {
	const builtin = builtinMachines(vendors);
	if (Object.hasOwn(builtin, nameOrFile)) return checkMachine(builtin[nameOrFile], vendors);
	let text: string;
	try {
		text = readFileSync(resolve(folder, nameOrFile), "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		const why = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a folder, not a file" : `cannot be read (${code})`;
		const names = Object.keys(builtin).join(", ");
		throw new MachineError([], `${why}, and no built-in machine has that name (there are ${names})`, { file: nameOrFile });
	}
	return parseMachine(text, nameOrFile, vendors);
}
