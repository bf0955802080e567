/** Calls that move bytes: ours through the arena, the program's own where they are. */
import { EFAULT, ENOMEM } from "../errno.js";
import type { IoBuffer, IoctlArg, PollFd, Ret } from "../kernel.js";
import { ARG, ARG_ROOM, type Arena, DATA, DATA_ROOM } from "./arena.js";
import { type FunctionName, type Libc, RESULT_WORD } from "./libc.js";

/** Structs up to this length have a view ready; a call told a short length is thought to write no further. */
const SMALL = 256;
const PAGE = 0x1000;
const POLLFD_SIZE = 8;

export class Transfer {
	readonly arena: Arena;
	#libc: Libc;
	#bytes: Uint8Array;
	#firstWord: Uint32Array;
	/** `#views[n]` is the first n bytes of the argument */
	#views: readonly Uint8Array[];
	/** how far memory at ARG may hold what an earlier call left */
	#stale = 0;

	constructor(libc: Libc, arena: Arena) {
		this.#libc = libc;
		this.arena = arena;
		this.#bytes = arena.bytes;
		this.#firstWord = new Uint32Array(arena.bytes.buffer, arena.bytes.byteOffset + ARG, 1);
		this.#views = Array.from({ length: SMALL + 1 }, (_, length) => arena.bytes.subarray(ARG, ARG + length));
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		const { words, args, prepared, errno } = this.#libc;
		if (typeof arg === "bigint") {
			args[2] = arg;
		} else if (arg.length > ARG_ROOM) {
			return this.#bigIoctl(fd, request, arg);
		} else {
			this.#place(arg);
			args[2] = this.arena.address;
		}
		words[0] = fd;
		words[2] = request;
		words[3] = 0;
		this.#libc.ffiCall(prepared.ioctl.cif, prepared.ioctl.fn, this.#libc.result, this.#libc.pointers);
		const error = errno[0];
		const value = words[RESULT_WORD];
		// Also after a failure: some calls say how far they came.
		if (typeof arg !== "bigint") arg.set(arg.length <= SMALL ? this.#views[arg.length] : this.#bytes.subarray(ARG, ARG + arg.length));
		return value === -1 ? -error : value;
	}

	/** read, write, pread or pwrite; at most `DATA_ROOM` bytes of ours in one call. */
	io(name: "read" | "write" | "pread" | "pwrite", fd: number, buffer: IoBuffer, offset = 0n): Ret {
		const { args, words } = this.#libc;
		const ours = buffer instanceof Uint8Array;
		const length = ours ? Math.min(buffer.length, DATA_ROOM) : buffer.length;
		if (ours) {
			if (!this.arena.reserve(length)) return -ENOMEM;
			if (name === "write" || name === "pwrite") this.#bytes.set(length === buffer.length ? buffer : buffer.subarray(0, length), DATA);
		}
		words[0] = fd;
		args[1] = ours ? this.arena.address + BigInt(DATA) : buffer.addr;
		args[2] = BigInt(length);
		args[3] = offset;
		const ret = this.#libc.call(name);
		if (ours && ret > 0 && (name === "read" || name === "pread")) buffer.set(this.#bytes.subarray(DATA, DATA + ret));
		if (ours) this.arena.trim();
		return ret;
	}

	poll(fds: PollFd[], timeout: number): Ret {
		const { args, words } = this.#libc;
		if (!this.arena.reserve(fds.length * POLLFD_SIZE)) return -ENOMEM;
		const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + DATA, fds.length * POLLFD_SIZE);
		for (const [i, { fd, events }] of fds.entries()) {
			view.setInt32(i * POLLFD_SIZE, fd, true);
			view.setInt16(i * POLLFD_SIZE + 4, events, true);
			view.setInt16(i * POLLFD_SIZE + 6, 0, true);
		}
		args[0] = this.arena.address + BigInt(DATA);
		args[1] = BigInt(fds.length);
		words[4] = timeout;
		const ret = this.#libc.call("poll");
		for (const [i, entry] of fds.entries()) entry.revents = view.getUint16(i * POLLFD_SIZE + 6, true);
		this.arena.trim();
		return ret;
	}

	/** Calls a function with a C string as its first argument. The string must hold no NUL. */
	withText(name: FunctionName, text: string, second: number, third = 0): Ret {
		const { args, words } = this.#libc;
		const encoded = new TextEncoder().encode(`${text}\0`);
		if (!this.arena.reserve(encoded.length)) return -ENOMEM;
		this.#bytes.set(encoded, DATA);
		args[0] = this.arena.address + BigInt(DATA);
		words[2] = second;
		words[4] = third;
		const ret = this.#libc.call(name);
		this.arena.trim();
		return ret;
	}

	/** Copies from the program's memory. 0, or -EFAULT and nothing copied. */
	peek(addr: bigint, into: Uint8Array): Ret {
		if (into.length > DATA_ROOM || !this.arena.reserve(into.length)) return -ENOMEM;
		const ok = this.#copyIn(addr, into.length, DATA);
		if (ok) into.set(this.#bytes.subarray(DATA, DATA + into.length));
		this.arena.trim();
		return ok ? 0 : -EFAULT;
	}

	/** Copies to the program's memory, which must be writable. 0, or -EFAULT and nothing copied. */
	poke(addr: bigint, from: Uint8Array): Ret {
		const { length } = from;
		// Within one page a copy is made or is not made. Across pages it can end half-way: then what was there goes back.
		const split = Number(addr & BigInt(PAGE - 1)) + length > PAGE;
		if (length > DATA_ROOM / 2 || !this.arena.reserve(split ? 2 * length : length)) return -ENOMEM;
		this.#bytes.set(from, DATA);
		let ok = !split || this.#copyIn(addr, length, DATA + length);
		if (ok) {
			const copied = this.#copyOut(addr, length, DATA);
			ok = copied === length;
			if (!ok && copied > 0) this.#copyOut(addr, copied, DATA + length);
		}
		this.arena.trim();
		return ok ? 0 : -EFAULT;
	}

	/** The kernel copies from `addr` into the arena's file: a bad address is an errno and no crash. */
	#copyIn(addr: bigint, length: number, at: number): boolean {
		return this.#copy("pwrite", addr, length, at) === length;
	}

	#copyOut(addr: bigint, length: number, at: number): Ret {
		return this.#copy("pread", addr, length, at);
	}

	#copy(name: "pread" | "pwrite", addr: bigint, length: number, at: number): Ret {
		const { args, words } = this.#libc;
		words[0] = this.arena.fd;
		args[1] = addr;
		args[2] = BigInt(length);
		args[3] = BigInt(at);
		return this.#libc.call(name);
	}

	/** Places a struct, with zeroes after it: what an earlier, longer one left must not be seen. */
	#place(arg: Uint8Array): void {
		const { length } = arg;
		this.#bytes.set(arg, ARG);
		if (this.#stale > length) this.#bytes.fill(0, ARG + length, ARG + this.#stale);
		this.#stale = length;
		const size = this.#firstWord[0];
		// The kernel may write where the struct's size, or a request for another struct, tells it to.
		if (size !== length) this.#stale = size > length ? ARG_ROOM : Math.max(length, SMALL);
	}

	/** An argument that is longer than any struct. */
	#bigIoctl(fd: number, request: number, arg: Uint8Array): Ret {
		const { args, words } = this.#libc;
		if (arg.length > DATA_ROOM || !this.arena.reserve(arg.length)) return -ENOMEM;
		this.#bytes.set(arg, DATA);
		words[0] = fd;
		words[2] = request;
		words[3] = 0;
		args[2] = this.arena.address + BigInt(DATA);
		const ret = this.#libc.call("ioctl");
		arg.set(this.#bytes.subarray(DATA, DATA + arg.length));
		this.arena.trim();
		return ret;
	}
}
