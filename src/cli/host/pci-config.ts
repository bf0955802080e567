/** Reads from a PCI function's configuration space what a machine file says of it. */

export interface Capabilities {
	/** of a bridge: its type, the bus below it, access control */
	readonly bridge?: { readonly type: string; readonly secondary: number; readonly acs: boolean };
	/** of a function: fields of a machine file */
	readonly functions: { readonly pasid_width?: number; readonly ats?: boolean; readonly pri?: number; readonly acs: boolean };
}

/** PCI Express Base Specification, capability IDs */
const EXPRESS = 0x10;
const EXTENDED = { acs: 0x0d, ats: 0x0f, pri: 0x13, pasid: 0x1b } as const;
/** device/port types of the Express capability */
const PORTS: Readonly<Record<number, string>> = { 4: "root-port", 5: "upstream", 6: "downstream", 7: "pcie-to-pci" };

/** What `config` shows: 64 bytes without root, else up to 4096. Bytes that are not there count as zero. */
export function capabilitiesOf(config: Uint8Array): Capabilities {
	const view = new DataView(new ArrayBuffer(4096));
	new Uint8Array(view.buffer).set(config.subarray(0, 4096));
	const extended = extendedCapabilities(view);
	const acs = extended.has(EXTENDED.acs);
	const headerType = view.getUint8(0x0e) & 0x7f;
	if (headerType === 1) {
		const express = capability(view, EXPRESS);
		const type = express === undefined ? "pci" : (PORTS[(view.getUint16(express + 2, true) >> 4) & 0xf] ?? "pci");
		return { bridge: { type, secondary: view.getUint8(0x19), acs }, functions: { acs } };
	}
	const pasid = extended.get(EXTENDED.pasid);
	const pri = extended.get(EXTENDED.pri);
	return {
		functions: {
			...(pasid !== undefined && { pasid_width: Math.min((view.getUint16(pasid + 4, true) >> 8) & 0x1f, 20) }),
			...(extended.has(EXTENDED.ats) && { ats: true }),
			// outstanding page request capacity
			...(pri !== undefined && { pri: Math.min(view.getUint32(pri + 8, true), 0x7fff_ffff) }),
			acs,
		},
	};
}

/** The offset of a capability in the list that starts at 0x34. */
export function capability(view: DataView, id: number): number | undefined {
	let at = view.getUint8(0x34) & 0xfc;
	// a list that loops ends after as many entries as fit
	for (let i = 0; at >= 0x40 && i < 48; i++) {
		if (view.getUint8(at) === id) return at;
		at = view.getUint8(at + 1) & 0xfc;
	}
	return undefined;
}

/** Offsets of the extended capabilities, by ID. */
function extendedCapabilities(view: DataView): Map<number, number> {
	const found = new Map<number, number>();
	let at = 0x100;
	for (let i = 0; at >= 0x100 && at <= 4092 && i < 960; i++) {
		const header = view.getUint32(at, true);
		if (header === 0 || header === 0xffff_ffff) break;
		const id = header & 0xffff;
		if (!found.has(id)) found.set(id, at);
		at = (header >>> 20) & 0xffc;
	}
	return found;
}
