/** The machine's devices as files: a copy of what sysfs and /dev/vfio show of them, in a folder of ours. */
import { mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { errnoNumber } from "../../kernel/errno.js";
import { type DeviceView, deviceViews, type Sim } from "../../sim/index.js";
import type { Overlay } from "./overlay.js";

/** Folders of which programs see nothing but the simulated machine's part. */
const WHOLE = ["/sys/bus/pci/devices", "/sys/bus/pci/drivers/vfio-pci", "/sys/class/vfio-dev", "/sys/kernel/iommu_groups", "/dev/vfio"];
const MISC = 10;
const IOMMU_MINOR = 125;
const VFIO_MINOR = 196;
const GROUP_MAJOR = 244;
const DEVICE_MAJOR = 511;
const PCI_BARS = 13;

/** A character device's numbers. */
export interface DeviceNumber {
	readonly major: number;
	readonly minor: number;
}

export class DeviceTree implements Overlay {
	readonly #sim: Sim;
	#folder: string | undefined;
	/** folders below /sys/devices, and other paths that only this machine has */
	#own: string[] | undefined;
	#views: readonly DeviceView[] | undefined;
	#nodes: Map<string, DeviceNumber> | undefined;

	constructor(sim: Sim) {
		this.#sim = sim;
	}

	/** The device node of a path. */
	node(path: string): DeviceNumber | undefined {
		if (!path.startsWith("/dev/")) return undefined;
		if (path === "/dev/iommu") return { major: MISC, minor: IOMMU_MINOR };
		return path.startsWith("/dev/vfio/") ? this.#deviceNodes().get(path) : undefined;
	}

	/** Where the copy of a path is; undefined: the path is the machine's on which programs run. */
	place(path: string): string | undefined {
		if (!this.concerns(path) || this.#machine().length === 0) return undefined;
		return join(this.#made(), path);
	}

	concerns(path: string): boolean {
		if (!path.startsWith("/sys/") && !path.startsWith("/dev/vfio")) return false;
		return [...WHOLE, ...this.#folders()].some((each) => path === each || path.startsWith(`${each}/`));
	}

	open(path: string, flags: number): { fd: number } | number | undefined {
		const place = this.place(path);
		if (place === undefined) return undefined;
		try {
			return { fd: openSync(place, flags) };
		} catch (error) {
			return -(errnoNumber((error as NodeJS.ErrnoException).code ?? "") ?? 2);
		}
	}

	close(): void {
		if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
		this.#folder = undefined;
	}

	#machine(): readonly DeviceView[] {
		this.#views ??= deviceViews(this.#sim);
		return this.#views;
	}

	#folders(): readonly string[] {
		this.#own ??= this.#machine().map(deviceFolder);
		return this.#own;
	}

	#deviceNodes(): Map<string, DeviceNumber> {
		if (this.#nodes === undefined) {
			this.#nodes = new Map([["/dev/vfio/vfio", { major: MISC, minor: VFIO_MINOR }]]);
			for (const view of this.#machine()) {
				if (view.node === undefined || view.group === undefined) continue;
				this.#nodes.set(`/dev/vfio/devices/${view.node}`, numberOf(view.node));
				this.#nodes.set(`/dev/vfio/${view.noIommu ? "noiommu-" : ""}${view.group}`, { major: GROUP_MAJOR, minor: view.group });
			}
		}
		return this.#nodes;
	}

	#made(): string {
		if (this.#folder !== undefined) return this.#folder;
		const root = mkdtempSync(join(tmpdir(), "iommuctl-sys-"));
		this.#folder = root;
		for (const each of WHOLE) mkdirSync(join(root, each), { recursive: true });
		for (const view of this.#machine()) addDevice(root, view);
		for (const path of this.#deviceNodes().keys()) write(root, path, "");
		return root;
	}
}

function deviceFolder({ name, pci }: DeviceView): string {
	if (pci === undefined) return `/sys/devices/virtual/vfio/${name}`;
	return `/sys/devices/pci${name.slice(0, 7)}/${name}`;
}

function numberOf(node: string): DeviceNumber {
	return { major: DEVICE_MAJOR, minor: Number(/\d+$/.exec(node)?.[0] ?? 0) };
}

function addDevice(root: string, view: DeviceView): void {
	const { name, group, node, pci } = view;
	const folder = deviceFolder(view);
	mkdirSync(join(root, folder), { recursive: true });
	if (pci !== undefined) {
		for (const [file, content] of pciFiles(pci.config)) write(root, `${folder}/${file}`, content);
		link(root, `${folder}/subsystem`, "/sys/bus/pci");
		link(root, `/sys/bus/pci/devices/${name}`, folder);
		if (pci.driver !== undefined) {
			const driver = `/sys/bus/pci/drivers/${pci.driver}`;
			link(root, `${folder}/driver`, driver);
			link(root, `${driver}/${name}`, folder);
		}
	}
	if (group !== undefined) {
		const groups = `/sys/kernel/iommu_groups/${group}`;
		link(root, `${folder}/iommu_group`, groups);
		link(root, `${groups}/devices/${name}`, folder);
		write(root, `${groups}/type`, view.noIommu ? "unmanaged\n" : "DMA-FQ\n");
		if (view.noIommu) write(root, `${groups}/name`, "vfio-noiommu\n");
	}
	if (node === undefined) return;
	const { major, minor } = numberOf(node);
	write(root, `${folder}/vfio-dev/${node}/dev`, `${major}:${minor}\n`);
	write(root, `${folder}/vfio-dev/${node}/uevent`, `MAJOR=${major}\nMINOR=${minor}\nDEVNAME=vfio/devices/${node}\n`);
	link(root, `${folder}/vfio-dev/${node}/device`, folder);
	link(root, `/sys/class/vfio-dev/${node}`, `${folder}/vfio-dev/${node}`);
}

/** The files of a PCI function, from its configuration space. */
function pciFiles(config: Uint8Array): [string, string | Uint8Array][] {
	const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
	const word = (offset: number): string => `0x${view.getUint16(offset, true).toString(16).padStart(4, "0")}\n`;
	const classAndRevision = view.getUint32(8, true);
	return [
		["vendor", word(0)],
		["device", word(2)],
		["subsystem_vendor", word(0x2c)],
		["subsystem_device", word(0x2e)],
		["class", `0x${(classAndRevision >>> 8).toString(16).padStart(6, "0")}\n`],
		["revision", `0x${(classAndRevision & 0xff).toString(16).padStart(2, "0")}\n`],
		["config", config],
		[
			"resource",
			`${Array(3)
				.fill(`0x${"0".repeat(16)}`)
				.join(" ")}\n`.repeat(PCI_BARS),
		],
		["numa_node", "-1\n"],
		["irq", "0\n"],
		["enable", "0\n"],
		["driver_override", "(null)\n"],
	];
}

function write(root: string, path: string, content: string | Uint8Array): void {
	const at = join(root, path);
	mkdirSync(dirname(at), { recursive: true });
	writeFileSync(at, content, { mode: 0o600 });
}

/** Links are relative, so that they stay in the copy as in the program's view. */
function link(root: string, path: string, target: string): void {
	const at = join(root, path);
	mkdirSync(dirname(at), { recursive: true });
	mkdirSync(join(root, target), { recursive: true });
	symlinkSync(relative(dirname(at), join(root, target)), at);
}
