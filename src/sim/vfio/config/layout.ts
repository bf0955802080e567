/** Which capabilities a simulated function has, and where: those of QEMU's device of its model, and what the machine's description adds. */
import type { DeviceModel, PciDevice } from "../../board/description.js";
import type { PciModel } from "../../board/pci-features.js";
import { acs, aer, ari, ats, type Capability, express, msi, msix, pasid, powerManagement, pri, sriov, virtio } from "./capabilities.js";

/** Those that a machine file gives a function without a model of its own; where it does not say where they are, they do not overlap. */
function ownCapabilities(model: PciModel, root: boolean): readonly Capability[] {
	const { places = {}, bars, msixTable = 0, msixPending = msixTable + 16 * model.msix } = model;
	const table = bars.find(({ msix }) => msix)?.index ?? 0;
	const found = [
		...(model.powerManaged ? [powerManagement(places.pm ?? 0x40, true)] : []),
		...(model.msi > 0 ? [msi(places.msi ?? 0x50, model.msi)] : []),
		...(model.msix > 0 ? [msix(places.msix ?? 0x70, model.msix, table, msixTable, msixPending)] : []),
		...(model.express ? [express(places.express ?? 0x80, root, model.resets)] : []),
	];
	return found.sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
}

type Caps = (model: PciModel, root: boolean) => readonly Capability[];

/** From the first of the list to the last. */
const STANDARD: Readonly<Record<DeviceModel, Caps>> = {
	edu: ({ msi: vectors }) => [msi(0x40, vectors)],
	plain: ownCapabilities,
	nvme: (model, root) => [msix(0x40, model.msix, 0, 0x2000, 0x3000), express(0x80, root, true), powerManagement(0x60, true)],
	"virtio-net": (model, root) => [
		msix(0xdc, model.msix, 1, 0, 0x800),
		virtio(0xc8, 5, 0, 0, 0, 0),
		virtio(0xb4, 2, 4, 0x3000, 0x1000, 4),
		virtio(0xa4, 4, 4, 0x2000, 0x1000),
		virtio(0x94, 3, 4, 0x1000, 0x1000),
		virtio(0x84, 1, 4, 0, 0x1000),
		powerManagement(0x7c, false),
		express(0x40, root, true, 0x0f),
	],
	igb: (model, root) => [
		powerManagement(0x40, true),
		msi(0x50, model.msi),
		msix(0x70, model.msix, 3, 0, 0x2000),
		express(0xa0, root, true),
	],
	igbvf: (model, root) => [msix(0x70, model.msix, 3, 0, 0x2000), express(0xa0, root, true)],
};

const EXTENDED: Readonly<Partial<Record<DeviceModel, readonly Capability[]>>> = {
	igb: [aer(0x100), ari(0x150), sriov(0x160, 8, 0x10ca)],
	igbvf: [aer(0x100), ari(0x150)],
};

/** `root`: it is on a root bus, and so integrated into the root complex. */
export function standardCapabilities(pci: PciDevice, model: PciModel, root: boolean): readonly Capability[] {
	const found = STANDARD[pci.model](model, root);
	// A conventional function has no room for extended capabilities, so what needs them makes it an express one.
	return isExpress(pci, model) && !model.express ? [...found, express(0x80, root, false)] : found;
}

export function extendedCapabilities(pci: PciDevice, model: PciModel): readonly Capability[] {
	if (!isExpress(pci, model)) return [];
	return [
		...(EXTENDED[pci.model] ?? []),
		...(pci.acs && pci.pf === undefined ? [acs] : []),
		...(pci.ats ? [ats] : []),
		...(pci.pri > 0 ? [pri(pci.pri)] : []),
		...(pci.pasidWidth > 0 ? [pasid(pci.pasidWidth)] : []),
	];
}

/** Whether its configuration space has 4096 bytes. */
export function isExpress(pci: PciDevice, model: PciModel): boolean {
	return model.express || pci.ats || pci.acs || pci.pri > 0 || pci.pasidWidth > 0;
}
