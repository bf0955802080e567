/** What a PCI function has besides its identity: BARs, interrupts, capabilities; in machine files the field `pci` of a device. */
import type { Fields } from "./fields.js";

/** A region of registers or memory. MSI-X tables may be mapped, I/O ports may not. */
export interface BarModel {
	/** 0 to 5 */
	readonly index: number;
	/** bytes */
	readonly size: number;
	/** where the firmware has put it; absent: where there is room */
	readonly address?: number;
	readonly io?: boolean;
	/** it holds the MSI-X table */
	readonly msix?: boolean;
	/** its address has 64 bits */
	readonly wide?: boolean;
	readonly prefetchable?: boolean;
}

/** The features of a PCI function. */
export interface PciModel {
	readonly bars: readonly BarModel[];
	/** PCI Express: 4096 bytes of configuration space */
	readonly express: boolean;
	/** offset of the MSI-X table in its BAR, and of its pending bits */
	readonly msixTable?: number;
	readonly msixPending?: number;
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
	/** offsets of capabilities in the configuration space; absent: where there is room */
	readonly places?: Readonly<Partial<Record<PlacedCapability, number>>>;
}

export type PlacedCapability = (typeof PLACED)[number];

const PLACED = ["pm", "msi", "msix", "express"] as const;
/** a region's number is in bits 40 and up of an offset */
const LARGEST_BAR = 2 ** 40;
const LARGEST_ADDRESS = 2 ** 52;

/** The field `pci` of a device: all that differs from its model. @throws MachineError */
export function readFeatures(f: Fields): Partial<PciModel> | undefined {
	if (f.get("pci") === undefined) return undefined;
	return f.map("pci", (pci) => {
		const found = {
			bars: pci.get("bars") === undefined ? undefined : pci.each("bars", readBar),
			express: pci.get("express") === undefined ? undefined : pci.bool("express", false),
			msixTable: pci.int("msix_table", 0xffff_ffff),
			msixPending: pci.int("msix_pending", 0xffff_ffff),
			intx: pci.int("intx", 1),
			msi: pci.int("msi", 32),
			msix: pci.int("msix", 2048),
			resets: pci.get("flr") === undefined ? undefined : pci.bool("flr", false),
			rom: pci.int("rom", 1 << 24),
			powerManaged: pci.get("pm") === undefined ? undefined : pci.bool("pm", false),
			classCode: pci.int("class", 0xffffff),
			revision: pci.int("revision", 0xff),
			places: pci.get("places") === undefined ? undefined : pci.map("places", readPlaces),
		};
		if (found.msi !== undefined && (found.msi & (found.msi - 1)) !== 0) pci.fail("msi", "expected 0, 1, 2, 4, 8, 16 or 32 vectors");
		return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Partial<PciModel>;
	});
}

function readBar(f: Fields): BarModel {
	const size = f.need("size", f.int("size", LARGEST_BAR));
	if (size < 4 || !Number.isInteger(Math.log2(size))) f.fail("size", "expected a power of two, at least 4");
	const flag = (name: string): boolean | undefined => f.bool(name, false) || undefined;
	return {
		index: f.need("index", f.int("index", 5)),
		size,
		address: f.int("address", LARGEST_ADDRESS),
		io: flag("io"),
		msix: flag("msix"),
		wide: flag("wide"),
		prefetchable: flag("prefetchable"),
	};
}

function readPlaces(f: Fields): Partial<Record<PlacedCapability, number>> {
	return Object.fromEntries(PLACED.flatMap((name) => (f.get(name) === undefined ? [] : [[name, f.int(name, 0xfc)]])));
}

/** The same as a machine file has it. */
export function featuresFile(features: Partial<PciModel>): Record<string, unknown> {
	const { bars, msixTable, msixPending, resets, powerManaged, classCode, ...rest } = features;
	const hex = (value: number | undefined): string | undefined => (value === undefined ? undefined : `0x${value.toString(16)}`);
	const file = {
		class: classCode === undefined ? undefined : `0x${classCode.toString(16).padStart(6, "0")}`,
		bars: bars?.map(({ size, address, ...bar }) => defined({ ...bar, size: hex(size), address: hex(address) })),
		msix_table: hex(msixTable),
		msix_pending: hex(msixPending),
		flr: resets,
		pm: powerManaged,
		...rest,
	};
	return defined(file);
}

const defined = (object: Readonly<Record<string, unknown>>): Record<string, unknown> =>
	Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
