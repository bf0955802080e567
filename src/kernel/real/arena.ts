/** The memory in which bytes for the kernel are placed. */
// It is one memory file, mapped once for the life of the thread: it never moves, no garbage collector knows it, and it can
// grow (the file does, the address stays). A call with a wrong length damages nothing else.
import { EnvironmentError } from "../environment-error.js";
import type { Libc } from "./libc.js";

const PAGE = 0x1000;
/** Bytes of address space; just below the size of one of ref-napi's views. */
const SPAN = 0x3fff_0000;
/** Where an ioctl's argument is placed if it fits into a page: zeroes follow up to the page's end, and then a page of 0xff. */
export const ARG = 0;
export const ARG_ROOM = PAGE;
/** Where the bytes of all other calls are placed. */
export const DATA = ARG + ARG_ROOM + PAGE;
/** The most bytes that one call can place at DATA. */
export const DATA_ROOM = SPAN - DATA;
/** The size that remains after a big transfer. */
const KEPT = 0x100000;

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MFD_CLOEXEC = 1;

export class Arena {
	/** the whole arena; only the part that `reserve` made room for may be touched */
	readonly bytes: Uint8Array;
	readonly address: bigint;
	/** the memory file (its offset n is byte n), through which peek and poke let the kernel copy */
	readonly fd: number;
	#libc: Libc;
	#size = 0;

	/** @throws EnvironmentError */
	constructor(libc: Libc) {
		this.#libc = libc;
		this.fd = libc.call("memfd_create", libc.name("iommuctl"), MFD_CLOEXEC);
		if (this.fd < 0) throw noMemory("memfd_create", -this.fd);
		this.address = libc.callForAddress("mmap", 0, SPAN, PROT_READ_WRITE, MAP_SHARED, this.fd, 0);
		if (this.address < 0n) throw noMemory("mmap", -Number(this.address));
		if (!this.reserve(KEPT - DATA)) throw noMemory("ftruncate", libc.errno[0]);
		this.bytes = libc.view(this.address, SPAN);
		this.guard();
	}

	/** Fill the page behind ARG's. If the size in a struct is far too large, the excess is not zero: E2BIG, as an unlucky caller gets it. */
	guard(): void {
		this.bytes.fill(0xff, ARG + ARG_ROOM, DATA);
	}

	/** Makes room for `length` bytes at DATA. False if there is not enough memory. */
	reserve(length: number): boolean {
		const size = Math.ceil((DATA + length) / PAGE) * PAGE;
		return size <= this.#size || this.#resize(size);
	}

	/** Frees the memory of a big transfer. */
	trim(): void {
		if (this.#size > KEPT) this.#resize(KEPT);
	}

	#resize(size: number): boolean {
		if (this.#libc.call("ftruncate", this.fd, size) !== 0) return false;
		this.#size = size;
		return true;
	}
}

function noMemory(call: string, errno: number): EnvironmentError {
	return new EnvironmentError(
		`no memory to pass to the kernel: ${call} failed with errno ${errno}`,
		"check the limits of this shell (ulimit -v, -f and -n), or use the simulated kernel (--kernel sim)",
	);
}
