/** The paths that programs give to calls. */
import { readlinkSync } from "node:fs";
import { posix } from "node:path";
import { AT, type Native } from "../native.js";

const AT_FDCWD = -100;
/** bytes, with the final 0 */
const LONGEST = 4096;
const PAGE = 4096n;
/** Most paths are shorter. */
const USUAL = 256n;

/** The C string at an address of a thread's memory; undefined if it cannot be read or is too long. */
export function stringAt(native: Native, tid: number, addr: bigint): string | undefined {
	const { bytes, view } = native;
	let done = 0;
	while (done < LONGEST) {
		const from = addr + BigInt(done);
		// Not beyond the page: the next one may not be mapped.
		const toEnd = PAGE - (from & (PAGE - 1n));
		const length = Number(toEnd < USUAL || done > 0 ? toEnd : USUAL);
		view.setBigUint64(AT.local, native.at(AT.data + done), true);
		view.setBigUint64(AT.local + 8, BigInt(length), true);
		view.setBigUint64(AT.remote, BigInt.asUintN(64, from), true);
		view.setBigUint64(AT.remote + 8, BigInt(length), true);
		const got = native.call("process_vm_readv", tid, native.at(AT.local), 1, native.at(AT.remote), 1, 0);
		if (got <= 0) return undefined;
		const end = bytes.indexOf(0, AT.data + done);
		if (end >= 0 && end < AT.data + done + got) return bytes.toString("utf8", AT.data, end);
		done += got;
	}
	return undefined;
}

/** What a path can end in, or begin with, to be of interest though it is relative. */
const INTERESTING = /iommu|vfio|fail|status$|^\.\.\//;

/**
 * The absolute path, without `.`, `..` and a final slash, that a path given with a folder's descriptor means; undefined: a relative one
 * that cannot be of interest.
 */
export function absolute(path: string, tid: number, dirfd: number): string | undefined {
	if (path.startsWith("/")) return path.includes("//") || path.includes("/.") || path.endsWith("/") ? normal(path) : path;
	try {
		const folder = readlinkSync(dirfd === AT_FDCWD ? `/proc/${tid}/cwd` : `/proc/${tid}/fd/${dirfd}`);
		return INTERESTING.test(path) || /^\/(?:dev|sys|proc)/.test(folder) ? normal(`${folder}/${path}`) : undefined;
	} catch {
		return undefined;
	}
}

function normal(path: string): string {
	const whole = posix.normalize(path);
	return whole.length > 1 && whole.endsWith("/") ? whole.slice(0, -1) : whole;
}

/** An argument of type int. */
export const int = (word: bigint): number => Number(BigInt.asIntN(32, word));
