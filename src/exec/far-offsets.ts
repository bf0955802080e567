/** Offsets of VFIO regions by which calls stop on any descriptor. */

/**
 * Added (bytes) to the offset of a device's first region, which is 0, in the answers that a program gets through a descriptor outside of
 * the range of simulated files: its reads and writes stop because of their offset then, as those of other regions do.
 */
export const FAR = 1n << 62n;

/** The device's own offset. */
export function regionOffset(offset: bigint): bigint {
	return offset & ~FAR;
}
