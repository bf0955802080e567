/** Physical (or guest-physical) memory, as table walkers see it. */
export interface PhysMemory {
	/** The aligned 64-bit word at `addr`; undefined outside memory or where the read is refused. */
	read64(addr: bigint): bigint | undefined;
	/** Writes a word; false if the write is refused. Absent: the memory is read-only. */
	write64?(addr: bigint, value: bigint): boolean;
}
