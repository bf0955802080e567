/** Memory that threads and processes share, in which they can sleep until a word changes (futex(2)). */
import { EnvironmentError } from "../environment-error.js";
import { numberOf } from "../syscall-numbers.js";
import { DATA } from "./arena.js";
import { system } from "./system.js";

const PAGE = 0x1000;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MFD_CLOEXEC = 1;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const ALL = 0x7fffffff;

/** futex(2), which the C library does not have. */
const SYS_FUTEX = numberOf("futex");

export interface SharedMemory {
	/** its file: another process that has it can open it too */
	readonly fd: number;
	readonly bytes: Uint8Array;
	/** Sleeps until the 32-bit word with this index has another value, it is woken, or `ms` have passed. */
	wait(word: number, value: number, ms: number): void;
	/** Wakes all who sleep for the word. */
	wake(word: number): void;
}

/** New memory of `size` bytes, all zero. @throws EnvironmentError */
export function createSharedMemory(size: number): SharedMemory {
	const { libc } = system();
	const fd = libc.call("memfd_create", libc.name("iommuctl-race"), MFD_CLOEXEC);
	const ret = fd < 0 ? fd : libc.call("ftruncate", fd, pagesUp(size));
	if (ret < 0) throw noMemory(-ret);
	return openSharedMemory(fd, size);
}

/** The same memory in another thread, or in a process that has its file. @throws EnvironmentError */
export function openSharedMemory(fd: number, size: number): SharedMemory {
	const { libc, arena } = system();
	const address = libc.callForAddress("mmap", 0, pagesUp(size), PROT_READ_WRITE, MAP_SHARED, fd, 0);
	if (address < 0n) throw noMemory(-Number(address));
	const time = new BigInt64Array(arena.bytes.buffer, arena.bytes.byteOffset + DATA, 2);
	const timeAt = arena.address + BigInt(DATA);
	const addresses = Array.from({ length: Math.min(size >> 2, 64) }, (_, word) => address + BigInt(4 * word));
	return {
		fd,
		bytes: libc.view(address, size),
		wait(word, value, ms) {
			time[0] = BigInt(Math.floor(ms / 1000));
			time[1] = BigInt(Math.round((ms % 1000) * 1e6));
			libc.call("syscall", SYS_FUTEX, addresses[word], FUTEX_WAIT, value, timeAt, 0, 0);
		},
		wake(word) {
			libc.call("syscall", SYS_FUTEX, addresses[word], FUTEX_WAKE, ALL, 0, 0, 0);
		},
	};
}

const pagesUp = (size: number): number => Math.ceil(size / PAGE) * PAGE;

const noMemory = (errno: number): EnvironmentError =>
	new EnvironmentError(`no memory to share: errno ${errno}`, "check the limits of this shell (ulimit -v, -f and -n)");
