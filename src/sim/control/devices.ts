/** Finds devices of the machine by the names that users give them. */
import { ENODEV, EOPNOTSUPP } from "../../kernel/errno.js";
import { parseBdf } from "../board/bdf.js";
import { ControlError } from "../contract/control-error.js";
import type { Sim } from "../system/sim.js";
import { HwDevice } from "../vendors/common/device.js";
import type { VfioDevice } from "../vfio/device.js";
import { MdevVfioDevice } from "../vfio/mdev.js";

/** A device of the machine that a user named. */
export interface NamedDevice {
	/** vfioN, if it has a file */
	readonly node: string | undefined;
	readonly vfio: VfioDevice | undefined;
	/** undefined: its accesses are made by software, or no IOMMU translates them */
	readonly hw: HwDevice | undefined;
}

const FOLDER = "/dev/vfio/devices/";

/** Finds `vfio3`, its path, `0000:00:12.0` or the name of a virtual device. Throws a ControlError. */
export function findDevice(sim: Sim, name: string): NamedDevice {
	const { hardware, vfio } = sim;
	if (hardware === undefined || vfio === undefined)
		throw new ControlError(ENODEV, "this machine has no devices but the selftest's mock ones");
	const node = name.startsWith(FOLDER) ? name.slice(FOLDER.length) : name;
	const direct = vfio.devices.get(node);
	if (direct !== undefined) return { node, vfio: direct, hw: hwOf(direct) };
	const bdf = parseBdf(name);
	for (const [each, device] of vfio.devices) {
		const hw = hwOf(device);
		if (device.name === name || (bdf !== undefined && hw?.bdf === bdf && hw.part === undefined)) return { node: each, vfio: device, hw };
	}
	const hw = bdf === undefined ? undefined : hardware.devices.get(bdf);
	if (hw !== undefined) return { node: undefined, vfio: undefined, hw };
	throw new ControlError(
		ENODEV,
		`there is no device "${name}" in machine ${hardware.machine.name}`,
		"machine show draws it, device list names its files",
	);
}

/** The same, for a device behind an IOMMU. */
export function findHwDevice(sim: Sim, name: string): HwDevice {
	const { hw } = findDevice(sim, name);
	if (hw === undefined)
		throw new ControlError(EOPNOTSUPP, `${name} is backed by software: no IOMMU sees its accesses, and it never faults through one`);
	return hw;
}

/** A device with a file in /dev/vfio/devices, as a machine describes it. */
export interface OfferedDevice {
	/** vfioN */
	readonly node: string;
	/** the PCI address, or the name of a virtual device */
	readonly name: string;
	/** of the IOMMU that translates for it, or `mdev`; undefined: none does */
	readonly kind: string | undefined;
	readonly role: string | undefined;
	/** of its IOMMU */
	readonly extensions: readonly string[];
}

/** The devices that a program can open, by number. */
export function offeredDevices(sim: Sim): OfferedDevice[] {
	return [...(sim.vfio?.devices ?? [])].map(([node, device]) => {
		const hw = hwOf(device);
		const kind = hw === undefined ? (device instanceof MdevVfioDevice ? "mdev" : undefined) : hw.iommu.description.kind;
		const extensions = hw?.iommu.description.extensions ?? [];
		return { node, name: device.name, kind, role: hw?.part === undefined ? hw?.pci.role : undefined, extensions };
	});
}

/** The first device that all words describe: a kind of IOMMU or an extension that it has, a role, a name. */
export function describedDevice(sim: Sim, words: readonly string[]): OfferedDevice | undefined {
	return offeredDevices(sim).find(({ kind, role, name, extensions }) =>
		words.every((word) => word === kind || word === role || word === name || extensions.includes(word)),
	);
}

/** What the machine offers, in words: "vfio0 to vfio10 behind smmuv3 (solo, fnA, svm), vfio11 (mtty0)". */
export function offersText(sim: Sim): string {
	const all = offeredDevices(sim);
	const kinds = [...new Set(all.map(({ kind }) => kind))];
	const parts = kinds.map((kind) => {
		const its = all.filter((each) => each.kind === kind);
		const nodes = runs(its.map(({ node }) => node)).join(", ");
		const names = [...new Set(its.map(({ role, name }) => role ?? name))].join(", ");
		return `${nodes}${kind === undefined || kind === "mdev" ? "" : ` behind ${kind}`} (${names})`;
	});
	return `machine ${sim.hardware?.machine.name ?? "selftest"} offers ${parts.join("; ") || "no device"}`;
}

/** Names with consecutive numbers as `vfio0 to vfio10`. */
function runs(nodes: readonly string[]): string[] {
	const found: { first: string; last: string }[] = [];
	for (const node of nodes) {
		const run = found.at(-1);
		if (run !== undefined && numberOf(node) === numberOf(run.last) + 1) run.last = node;
		else found.push({ first: node, last: node });
	}
	return found.map(({ first, last }) => (first === last ? first : `${first} to ${last}`));
}

const numberOf = (node: string): number => Number(/\d+$/.exec(node)?.[0]);

function hwOf({ iommu }: VfioDevice): HwDevice | undefined {
	return iommu instanceof HwDevice ? iommu : undefined;
}
