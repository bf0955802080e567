/** The capabilities in a function's configuration space: what they read as, and which of their bits a program can write. */

/** A capability, laid out by the caller at an offset. */
export interface Capability {
	readonly id: number;
	/** bytes, the header included */
	readonly length: number;
	/** where it begins; absent: behind the others */
	readonly at?: number;
	/** version of an extended capability */
	readonly version?: number;
	/** vfio-pci does not show it */
	readonly hidden?: boolean;
	/** Write the fields behind the header. */
	fill?(view: DataView, at: number): void;
	/** the bits that a program can write: [offset in it, mask, bytes] */
	readonly writable?: readonly (readonly [number, number, 1 | 2 | 4])[];
}

export const PM = 0x01;
export const MSI_CAP = 0x05;
export const VENDOR = 0x09;
export const EXPRESS = 0x10;
export const MSIX_CAP = 0x11;
export const AER = 0x0001;
export const SERIAL = 0x0003;
export const ACS = 0x000d;
export const ARI = 0x000e;
export const ATS = 0x000f;
export const SRIOV = 0x0010;
export const PRI = 0x0013;
export const PASID = 0x001b;

/** offsets of registers in their capabilities */
export const PMCSR = 4;
export const MSG_CONTROL = 2;
export const DEVICE_CONTROL = 8;
export const DEVICE_CONTROL_2 = 0x28;
export const FLR = 0x8000;
export const ENABLE = 0x8000;
export const MSI_ENABLE = 1;

/** Power management version 3: D0 and D3hot. `keeps`: registers survive the way back to D0. */
export function powerManagement(at: number, keeps: boolean): Capability {
	return {
		id: PM,
		at,
		length: 8,
		fill: (view, base) => {
			view.setUint16(base + 2, 3, true);
			view.setUint16(base + PMCSR, keeps ? 8 : 0, true);
		},
		writable: [[PMCSR, 3, 2]],
	};
}

/** MSI with 64-bit addresses; address and data are the program's own copy. */
export function msi(at: number, vectors: number): Capability {
	const log2 = 31 - Math.clz32(vectors);
	return {
		id: MSI_CAP,
		at,
		length: 14,
		fill: (view, base) => view.setUint16(base + MSG_CONTROL, 0x80 | (log2 << 1), true),
		writable: [
			[MSG_CONTROL, 0xff, 1],
			[4, 0xffffffff, 4],
			[8, 0xffffffff, 4],
			[12, 0xffff, 2],
		],
	};
}

/** MSI-X: `table` and `pba` are offsets in BAR `bar`. Only the host writes it. */
export function msix(at: number, vectors: number, bar: number, table: number, pba: number): Capability {
	return {
		id: MSIX_CAP,
		at,
		length: 12,
		fill: (view, base) => {
			view.setUint16(base + MSG_CONTROL, vectors - 1, true);
			view.setUint32(base + 4, (table | bar) >>> 0, true);
			view.setUint32(base + 8, (pba | bar) >>> 0, true);
		},
	};
}

/**
 * An endpoint with version 2 of the capability. `integrated`: into the root complex; `writable`: bits of device control, besides
 * the sizes of payloads and requests, which are the program's own copy.
 */
export function express(at: number, integrated: boolean, flr: boolean, writable = 0): Capability {
	return {
		id: EXPRESS,
		at,
		length: 0x3c,
		fill: (view, base) => {
			view.setUint16(base + 2, integrated ? 0x92 : 0x02, true);
			view.setUint32(base + 4, 0x8000 | (flr ? 0x10000000 : 0), true);
			view.setUint32(base + 0x0c, 0x00000411, true);
			view.setUint16(base + 0x12, 0x0011, true);
			view.setUint32(base + 0x24, 0x00300000, true);
		},
		// FLR never reads as 1
		writable: [
			[DEVICE_CONTROL, 0x70e0 | writable, 2],
			[DEVICE_CONTROL_2, 0x8000, 2],
		],
	};
}

/** the type of the structure through which BARs are accessed without being mapped */
const VIRTIO_WINDOW = 5;

/** A virtio structure in a BAR: type, BAR, offset and length. */
export function virtio(at: number, type: number, bar: number, offset: number, length: number, extra?: number): Capability {
	const size = extra === undefined ? 16 : 20;
	return {
		id: VENDOR,
		at,
		length: size,
		fill: (view, base) => {
			view.setUint8(base + 2, size);
			view.setUint8(base + 3, type);
			view.setUint8(base + 4, bar);
			view.setUint32(base + 8, offset, true);
			view.setUint32(base + 12, length, true);
			if (extra !== undefined) view.setUint32(base + 16, extra, true);
		},
		// the window to BARs can be moved
		writable:
			type === VIRTIO_WINDOW
				? [
						[4, 0xff, 1],
						[8, 0xffffffff, 4],
						[12, 0xffffffff, 4],
						[16, 0xffffffff, 4],
					]
				: [],
	};
}

/** Extended capabilities that only say what they are here. */
export const aer = (at: number): Capability => ({ id: AER, at, version: 2, length: 0x48 });
export const ari = (at: number): Capability => ({ id: ARI, at, version: 1, length: 8 });

/** The functions of the slot are isolated from each other: peer-to-peer requests are redirected and blocked. */
export const acs: Capability = {
	id: ACS,
	version: 1,
	length: 8,
	fill: (view, base) => {
		view.setUint16(base + 4, 0x0c, true);
		view.setUint16(base + 6, 0x0c, true);
	},
};

/** It is for the host to enable it. */
export const ats: Capability = { id: ATS, version: 1, length: 8, fill: (view, base) => view.setUint16(base + 4, 0x20, true) };

export function pri(capacity: number): Capability {
	return {
		id: PRI,
		version: 1,
		length: 16,
		fill: (view, base) => {
			view.setUint16(base + 6, 0x100, true);
			view.setUint32(base + 8, capacity, true);
		},
	};
}

/** vfio-pci hides it: a VMM makes its guest's from IOMMU_GET_HW_INFO's out_max_pasid_log2. */
export function pasid(width: number): Capability {
	return { id: PASID, version: 1, length: 8, hidden: true, fill: (view, base) => view.setUint16(base + 4, (width << 8) | 6, true) };
}

/** A physical function's; `devid` is that of its virtual functions. */
export function sriov(at: number, total: number, device: number): Capability {
	return {
		id: SRIOV,
		at,
		version: 1,
		length: 0x40,
		fill: (view, base) => {
			view.setUint16(base + 0x0c, total, true);
			view.setUint16(base + 0x0e, total, true);
			view.setUint16(base + 0x1a, device, true);
			view.setUint32(base + 0x1c, 0x553, true);
			view.setUint32(base + 0x20, 1, true);
		},
	};
}
