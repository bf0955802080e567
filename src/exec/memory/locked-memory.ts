/** How much memory the users of programs have locked, and whether they may lock more. */
import { readFileSync, statSync } from "node:fs";
import { AT, type Native } from "../native.js";

const RLIMIT_MEMLOCK = 8;
const CAP_IPC_LOCK = 14;
/** _LINUX_CAPABILITY_VERSION_3 */
const VERSION = 0x20080522;
const UNLIMITED = 2n ** 64n - 1n;
const PAGE_SHIFT = 12n;

/** As on Linux the pages of all processes of a user count, against the limit of the process that pins. */
export class LockedMemory {
	readonly #native: Native;
	readonly #pages = new Map<number, number>();

	constructor(native: Native) {
		this.#native = native;
	}

	/** Counts pages that a process pins: how many count, or undefined if they exceed its limit. `user`: of the process, as `userOf` told it. */
	lock(pid: number, user: number, pages: number): number | undefined {
		const limit = this.#limit(pid);
		if (limit === undefined) return 0;
		const locked = (this.#pages.get(user) ?? 0) + pages;
		if (locked > limit) return undefined;
		this.#pages.set(user, locked);
		return pages;
	}

	unlock(user: number, pages: number): void {
		this.#pages.set(user, Math.max(0, (this.#pages.get(user) ?? 0) - pages));
	}

	/** In pages; undefined: there is none, or the process has CAP_IPC_LOCK, or it is gone. */
	#limit(pid: number): number | undefined {
		const soft = this.#softLimit(pid);
		return soft === undefined || this.#mayLock(pid) ? undefined : Number(soft >> PAGE_SHIFT);
	}

	/** In bytes. */
	#softLimit(pid: number): bigint | undefined {
		const { view } = this.#native;
		if (this.#native.call("prlimit64", pid, RLIMIT_MEMLOCK, 0, this.#native.at(AT.limits)) >= 0) {
			const soft = view.getBigUint64(AT.limits, true);
			return soft === UNLIMITED ? undefined : soft;
		}
		// Another user's, as that of a program that gave up its privileges, can be read all the same.
		try {
			const soft = /^Max locked memory\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "latin1"))?.[1];
			return soft === undefined ? undefined : BigInt(soft);
		} catch {
			return undefined;
		}
	}

	#mayLock(pid: number): boolean {
		const { view } = this.#native;
		view.setUint32(AT.pair, VERSION, true);
		view.setInt32(AT.pair + 4, pid, true);
		if (this.#native.call("capget", this.#native.at(AT.pair), this.#native.at(AT.data)) < 0) return false;
		return (view.getUint32(AT.data, true) & (1 << CAP_IPC_LOCK)) !== 0;
	}
}

/** The user that a process belongs to. */
export function userOf(pid: number): number {
	return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? 0;
}
