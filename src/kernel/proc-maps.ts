/** Reads /proc/PID/maps. */

/** A mapping; addresses and the offset are in bytes, `end` is exclusive. */
export interface MapsLine {
	readonly start: bigint;
	readonly end: bigint;
	readonly readable: boolean;
	readonly writable: boolean;
	readonly shared: boolean;
	/** of the file, where `start` is; 0 for anonymous memory */
	readonly offset: bigint;
	/** the file's device and inode, as fstat(2) has them; 0 for anonymous memory */
	readonly dev: bigint;
	readonly ino: bigint;
}

/** The lines of the file, in order; what is not one is left out. */
export function parseMaps(text: string): MapsLine[] {
	return [...text.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (.)(.).(.) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)/gm)].map(
		([, start, end, r, w, kind, offset, major, minor, inode]) => ({
			start: BigInt(`0x${start}`),
			end: BigInt(`0x${end}`),
			readable: r === "r",
			writable: w === "w",
			shared: kind === "s",
			offset: BigInt(`0x${offset}`),
			dev: deviceNumber(Number.parseInt(major, 16), Number.parseInt(minor, 16)),
			ino: BigInt(inode),
		}),
	);
}

/** A device's number as stat(2) has it: makedev(3). */
export function deviceNumber(major: number, minor: number): bigint {
	const [high, low] = [BigInt(major), BigInt(minor)];
	return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n);
}
