/** Calls that move bytes: the caller's through the arena, the program's in place. */
import { ENOMEM } from "../errno.js";
import type { IoBuffer, PollFd, Ret } from "../kernel.js";
import { type Arena, DATA, DATA_ROOM } from "./arena.js";
import type { Libc } from "./libc.js";

const POLLFD_SIZE = 8;

export class Transfer {
	#libc: Libc;
	#arena: Arena;
	#bytes: Uint8Array;

	constructor(libc: Libc, arena: Arena) {
		this.#libc = libc;
		this.#arena = arena;
		this.#bytes = arena.bytes;
	}

	/** read, write, pread or pwrite; at most `DATA_ROOM` bytes of the caller's in one call. */
	io(name: "read" | "write" | "pread" | "pwrite", fd: number, buffer: IoBuffer, offset = 0n): Ret {
		const ours = buffer instanceof Uint8Array;
		const length = ours ? Math.min(buffer.length, DATA_ROOM) : buffer.length;
		if (ours) {
			if (!this.#arena.reserve(length)) return -ENOMEM;
			if (name === "write" || name === "pwrite") this.#bytes.set(length === buffer.length ? buffer : buffer.subarray(0, length), DATA);
		}
		const at = ours ? this.#arena.address + BigInt(DATA) : buffer.addr;
		const libc = this.#libc;
		const ret = name === "read" || name === "write" ? libc.call(name, fd, at, length) : libc.call(name, fd, at, length, offset);
		if (ours && ret > 0 && (name === "read" || name === "pread")) buffer.set(this.#bytes.subarray(DATA, DATA + ret));
		if (ours) this.#arena.trim();
		return ret;
	}

	poll(fds: PollFd[], timeout: number): Ret {
		if (!this.#arena.reserve(fds.length * POLLFD_SIZE)) return -ENOMEM;
		const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + DATA, fds.length * POLLFD_SIZE);
		for (const [i, { fd, events }] of fds.entries()) {
			view.setInt32(i * POLLFD_SIZE, fd, true);
			view.setInt16(i * POLLFD_SIZE + 4, events, true);
			view.setInt16(i * POLLFD_SIZE + 6, 0, true);
		}
		const ret = this.#libc.call("poll", this.#arena.address + BigInt(DATA), fds.length, timeout);
		for (const [i, entry] of fds.entries()) entry.revents = view.getUint16(i * POLLFD_SIZE + 6, true);
		this.#arena.trim();
		return ret;
	}

	/** Calls a function with a C string as its first argument. The string must hold no NUL. */
	withText(name: "open" | "memfd_create", text: string, flags: number): Ret {
		const encoded = new TextEncoder().encode(`${text}\0`);
		if (!this.#arena.reserve(encoded.length)) return -ENOMEM;
		this.#bytes.set(encoded, DATA);
		const at = this.#arena.address + BigInt(DATA);
		const ret = name === "open" ? this.#libc.call(name, at, flags, 0) : this.#libc.call(name, at, flags);
		this.#arena.trim();
		return ret;
	}
}
