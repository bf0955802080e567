/** What files are known by: their device and inode. */
import { fstatSync } from "node:fs";

/** By the numbers of stat. */
export function inodeKey(dev: number, ino: number): string {
	return `${dev}:${ino}`;
}

/** The key of a file that this process has open. */
export function keyOf(fd: number): string {
	const { dev, ino } = fstatSync(fd);
	return inodeKey(dev, ino);
}
