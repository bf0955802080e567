/** The models of simulated PCI functions. */
import type { DeviceModel, PciDevice } from "../board/description.js";
import type { PciModel } from "../board/pci-features.js";

const EDU: PciModel = {
	bars: [{ index: 0, size: 0x100000 }],
	express: false,
	intx: 1,
	msi: 1,
	msix: 0,
	resets: false,
	powerManaged: false,
	classCode: 0x00ff00,
	revision: 0x10,
};

const MODELS: Readonly<Record<DeviceModel, PciModel>> = {
	edu: EDU,
	plain: { ...EDU, bars: [], msi: 0, classCode: 0xff0000, revision: 0 },
	nvme: {
		bars: [{ index: 0, size: 0x4000, msix: true, wide: true }],
		express: true,
		intx: 1,
		msi: 0,
		msix: 65,
		msixTable: 0x2000,
		resets: true,
		powerManaged: true,
		classCode: 0x010802,
		revision: 2,
	},
	"virtio-net": {
		bars: [
			{ index: 1, size: 0x1000, msix: true },
			{ index: 4, size: 0x4000, wide: true, prefetchable: true },
		],
		rom: 0x40000,
		express: true,
		intx: 1,
		msi: 0,
		msix: 4,
		resets: true,
		powerManaged: true,
		classCode: 0x020000,
		revision: 1,
	},
	igb: {
		bars: [
			{ index: 0, size: 0x20000 },
			{ index: 1, size: 0x20000 },
			{ index: 2, size: 0x20, io: true },
			{ index: 3, size: 0x4000, msix: true },
		],
		express: true,
		intx: 1,
		msi: 1,
		msix: 10,
		resets: true,
		powerManaged: true,
		classCode: 0x020000,
		revision: 1,
	},
	igbvf: {
		bars: [
			{ index: 0, size: 0x4000, wide: true, prefetchable: true },
			{ index: 3, size: 0x4000, msix: true, wide: true, prefetchable: true },
		],
		express: true,
		intx: 0,
		msi: 0,
		msix: 3,
		resets: true,
		powerManaged: true,
		classCode: 0x020000,
		revision: 1,
	},
};

export function modelOf(pci: PciDevice): PciModel {
	return pci.features === undefined ? MODELS[pci.model] : { ...MODELS[pci.model], ...pci.features };
}
