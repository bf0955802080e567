/** Reads what a machine file says of a PCI function's BARs, interrupts and capabilities: its field `pci`. */
import { capability } from "./pci-config.js";

/** PCI capability IDs */
const PM = 0x01;
const MSI = 0x05;
const EXPRESS = 0x10;
const MSIX = 0x11;
const ADVANCED_FEATURES = 0x13;
/** flags of a line of `resource`: IORESOURCE_ of include/linux/ioport.h */
const IO = 0x100n;
const PREFETCHABLE = 0x2000n;
const WIDE = 0x100000n;
const ROM_LINE = 6;
const FLR = 0x10000000;

interface Bar {
	readonly index: number;
	/** bytes */
	readonly size: bigint;
	readonly address: bigint;
	readonly flags: bigint;
}

/**
 * `config`: 64 bytes without root, else up to 4096. `resource`: the text of that file in sysfs. Undefined if the configuration space cannot be
 * read. Without root there are no capabilities; those fields are left out, and the model's hold.
 */
export function featuresOf(config: Uint8Array, resource: string): Readonly<Record<string, unknown>> | undefined {
	if (config.length < 64) return undefined;
	const view = new DataView(config.buffer, config.byteOffset, config.length);
	const bars = barsOf(resource);
	const rom = bars.find(({ index }) => index === ROM_LINE);
	const messages = config.length > 64 ? interrupts(view) : {};
	return {
		class: `0x${(view.getUint32(8, true) >>> 8).toString(16).padStart(6, "0")}`,
		revision: view.getUint8(8),
		bars: bars.filter(({ index }) => index < ROM_LINE).map((bar) => barFile(bar, messages.table)),
		...(rom !== undefined && { rom: Number(rom.size) }),
		intx: view.getUint8(0x3d) === 0 ? 0 : 1,
		...messages.fields,
	};
}

function barsOf(resource: string): Bar[] {
	return resource
		.trim()
		.split("\n")
		.flatMap((line, index) => {
			const [address, last, flags] = line.split(" ").map((word) => (/^0x[0-9a-f]+$/.test(word) ? BigInt(word) : 0n));
			return index <= ROM_LINE && last > address ? [{ index, address, size: last - address + 1n, flags }] : [];
		});
}

function barFile({ index, address, size, flags }: Bar, table: number | undefined): Record<string, unknown> {
	return {
		index,
		size: `0x${size.toString(16)}`,
		address: `0x${address.toString(16)}`,
		...((flags & IO) !== 0n && { io: true }),
		...(index === table && { msix: true }),
		...((flags & WIDE) !== 0n && { wide: true }),
		...((flags & PREFETCHABLE) !== 0n && { prefetchable: true }),
	};
}

/** What the capabilities say, and the BAR that has the MSI-X table. */
function interrupts(view: DataView): { readonly table?: number; readonly fields?: Readonly<Record<string, unknown>> } {
	const [pm, msi, msix, express, advanced] = [PM, MSI, MSIX, EXPRESS, ADVANCED_FEATURES].map((id) => capability(view, id));
	const places = Object.fromEntries(Object.entries({ pm, msi, msix, express }).filter(([, at]) => at !== undefined));
	const offset = (at: number): string => `0x${((view.getUint32(at, true) & ~7) >>> 0).toString(16)}`;
	const flr =
		(express !== undefined && (view.getUint32(express + 4, true) & FLR) !== 0) ||
		(advanced !== undefined && (view.getUint8(advanced + 3) & 2) !== 0);
	return {
		...(msix !== undefined && { table: view.getUint32(msix + 4, true) & 7 }),
		fields: {
			express: express !== undefined,
			msi: msi === undefined ? 0 : 1 << Math.min((view.getUint16(msi + 2, true) >> 1) & 7, 5),
			msix: msix === undefined ? 0 : (view.getUint16(msix + 2, true) & 0x7ff) + 1,
			...(msix !== undefined && { msix_table: offset(msix + 4), msix_pending: offset(msix + 8) }),
			flr,
			pm: pm !== undefined,
			...(Object.keys(places).length > 0 && { places }),
		},
	};
}
