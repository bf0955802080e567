/** Addresses of PCI functions: reads, writes and takes them apart. */
import { formatRid } from "../../formats/rid.js";

export { formatRid };

/**
 * A PCI function's address as one number: segment << 16 | bus << 8 | device << 3 | function,
 * so that the low 16 bits are its requester ID.
 */
export type Bdf = number;

const FORM = /^(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i;

/** Parses `0000:00:10.0` or `00:10.0`; undefined for anything else. */
export function parseBdf(text: string): Bdf | undefined {
	const m = FORM.exec(text.trim());
	if (!m) return undefined;
	const device = Number.parseInt(m[3], 16);
	if (device > 31) return undefined;
	return makeBdf(Number.parseInt(m[1] ?? "0", 16), Number.parseInt(m[2], 16), device, Number(m[4]));
}

export function makeBdf(segment: number, bus: number, device: number, fn: number): Bdf {
	return segment * 0x10000 + ((bus << 8) | (device << 3) | fn);
}

export function formatBdf(bdf: Bdf): string {
	const segment = Math.floor(bdf / 0x10000);
	return `${segment.toString(16).padStart(4, "0")}:${formatRid(bdf & 0xffff)}`;
}

export const segmentOf = (bdf: Bdf): number => Math.floor(bdf / 0x10000);
export const ridOf = (bdf: Bdf): number => bdf & 0xffff;
export const busOf = (bdf: Bdf): number => (bdf >> 8) & 0xff;
/** The slot's first function: it identifies the slot. */
export const slotOf = (bdf: Bdf): Bdf => bdf - (bdf & 7);
export const functionOf = (bdf: Bdf): number => bdf & 7;
