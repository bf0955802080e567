/** PCI requester IDs as text. */

/** A requester ID as `bus:device.function`. */
export function formatRid(rid: number): string {
	const h = (n: number) => n.toString(16).padStart(2, "0");
	return `${h(rid >> 8)}:${h((rid >> 3) & 31)}.${rid & 7}`;
}
