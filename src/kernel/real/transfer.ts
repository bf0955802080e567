/** Calls that move bytes: ours through the arena, the program's own where they are. */
import { ENOMEM } from "../errno.js";
import type { IoBuffer, PollFd, Ret } from "../kernel.js";
import { type Arena, DATA, DATA_ROOM } from "./arena.js";
import type { FunctionName, Libc } from "./libc.js";

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

	/** read, write, pread or pwrite; at most `DATA_ROOM` bytes of ours in one call. */
	io(name: "read" | "write" | "pread" | "pwrite", fd: number, buffer: IoBuffer, offset = 0n): Ret {
		const { args, words } = this.#libc;
		const ours = buffer instanceof Uint8Array;
		const length = ours ? Math.min(buffer.length, DATA_ROOM) : buffer.length;
		if (ours) {
			if (!this.#arena.reserve(length)) return -ENOMEM;
			if (name === "write" || name === "pwrite") this.#bytes.set(length === buffer.length ? buffer : buffer.subarray(0, length), DATA);
		}
		words[0] = fd;
		args[1] = ours ? this.#arena.address + BigInt(DATA) : buffer.addr;
		args[2] = BigInt(length);
		args[3] = offset;
		const ret = this.#libc.call(name);
		if (ours && ret > 0 && (name === "read" || name === "pread")) buffer.set(this.#bytes.subarray(DATA, DATA + ret));
		if (ours) this.#arena.trim();
		return ret;
	}

	poll(fds: PollFd[], timeout: number): Ret {
		const { args, words } = this.#libc;
		if (!this.#arena.reserve(fds.length * POLLFD_SIZE)) return -ENOMEM;
		const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + DATA, fds.length * POLLFD_SIZE);
		for (const [i, { fd, events }] of fds.entries()) {
			view.setInt32(i * POLLFD_SIZE, fd, true);
			view.setInt16(i * POLLFD_SIZE + 4, events, true);
			view.setInt16(i * POLLFD_SIZE + 6, 0, true);
		}
		args[0] = this.#arena.address + BigInt(DATA);
		args[1] = BigInt(fds.length);
		words[4] = timeout;
		const ret = this.#libc.call("poll");
		for (const [i, entry] of fds.entries()) entry.revents = view.getUint16(i * POLLFD_SIZE + 6, true);
		this.#arena.trim();
		return ret;
	}

	/** Calls a function with a C string as its first argument. The string must hold no NUL. */
	withText(name: FunctionName, text: string, second: number, third = 0): Ret {
		const { args, words } = this.#libc;
		const encoded = new TextEncoder().encode(`${text}\0`);
		if (!this.#arena.reserve(encoded.length)) return -ENOMEM;
		this.#bytes.set(encoded, DATA);
		args[0] = this.#arena.address + BigInt(DATA);
		words[2] = second;
		words[4] = third;
		const ret = this.#libc.call(name);
		this.#arena.trim();
		return ret;
	}
}
