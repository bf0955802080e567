/** The models of simulated PCI functions. */
import type { DeviceModel, PciDevice } from "../board/description.js";

/** A region of registers or memory. MSI-X tables may be mapped, I/O ports may not. */
export interface BarModel {
	/** 0 to 5 */
	readonly index: number;
	/** bytes */
	readonly size: number;
	readonly io?: boolean;
	/** it holds the MSI-X table */
	readonly msix?: boolean;
	/** its address has 64 bits */
	readonly wide?: boolean;
	readonly prefetchable?: boolean;
}

/** The features of a PCI function by model, as VFIO sees QEMU's device of that name. */
export interface PciModel {
	readonly bars: readonly BarModel[];
	/** PCI Express: 4096 bytes of configuration space */
	readonly express: boolean;
	/** offset of the MSI-X table in its BAR */
	readonly msixTable?: number;
	/** number of interrupt vectors */
	readonly intx: number;
	readonly msi: number;
	readonly msix: number;
	/** can reset itself (FLR) */
	readonly resets: boolean;
	/** size of the expansion ROM in bytes */
	readonly rom?: number;
	/** has the power management capability: the kernel waits for its link after a reset of its bus */
	readonly powerManaged: boolean;
	/** base class, subclass, interface */
	readonly classCode: number;
	readonly revision: number;
}

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
	return MODELS[pci.model];
}
