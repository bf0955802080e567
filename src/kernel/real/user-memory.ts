/** Copies to and from the program's memory without the risk of a crash. */
// The kernel copies between it and the arena's file, so that a bad address is an errno.
import { EFAULT, ENOMEM } from "../errno.js";
import type { Ret } from "../kernel.js";
import { type Arena, DATA, DATA_ROOM } from "./arena.js";
import type { Libc } from "./libc.js";

const PAGE = 0x1000;

export class UserMemory {
	#libc: Libc;
	#arena: Arena;

	constructor(libc: Libc, arena: Arena) {
		this.#libc = libc;
		this.#arena = arena;
	}

	/** Returns 0, or -EFAULT with nothing copied. */
	peek(addr: bigint, into: Uint8Array): Ret {
		const { length } = into;
		if (length > DATA_ROOM || !this.#arena.reserve(length)) return -ENOMEM;
		const ok = this.#toArena(addr, length, DATA) === length;
		if (ok) into.set(this.#arena.bytes.subarray(DATA, DATA + length));
		this.#arena.trim();
		return ok ? 0 : -EFAULT;
	}

	/** The memory must be writable. Returns 0, or -EFAULT with nothing copied. */
	poke(addr: bigint, from: Uint8Array): Ret {
		const { length } = from;
		// Within one page a copy succeeds or fails as a whole. Across pages it can end half-way; then the old contents are restored.
		const split = Number(addr & BigInt(PAGE - 1)) + length > PAGE;
		if (length > DATA_ROOM / 2 || !this.#arena.reserve(split ? 2 * length : length)) return -ENOMEM;
		this.#arena.bytes.set(from, DATA);
		let ok = !split || this.#toArena(addr, length, DATA + length) === length;
		if (ok) {
			const copied = this.#fromArena(addr, length, DATA);
			ok = copied === length;
			if (!ok && copied > 0) this.#fromArena(addr, copied, DATA + length);
		}
		this.#arena.trim();
		return ok ? 0 : -EFAULT;
	}

	#toArena(addr: bigint, length: number, at: number): Ret {
		return this.#copy("pwrite", addr, length, at);
	}

	#fromArena(addr: bigint, length: number, at: number): Ret {
		return this.#copy("pread", addr, length, at);
	}

	#copy(name: "pread" | "pwrite", addr: bigint, length: number, at: number): Ret {
		// Copying no bytes succeeds at any address.
		if (length === 0) return 0;
		return this.#libc.call(name, this.#arena.fd, addr, length, at);
	}
}
