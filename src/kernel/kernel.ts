/** The system calls that everything above is written against. */

/**
 * What calls return. Two kernels implement them: `real/` (FFI on this process) and `../sim/` (iommufd in TypeScript).
 * Like the kernel's own entry points, every call returns a value >= 0 or minus the errno. No call throws for anything
 * that a program could pass to a kernel.
 */
export type Ret = number;

/** A range of the program's memory, passed as it is; nothing checks that it exists. */
export interface UserRange {
	readonly addr: bigint;
	/** bytes */
	readonly length: number;
}

/**
 * An ioctl's third argument: bytes (placed somewhere in memory, and updated in place with what the kernel wrote), or a
 * plain 64-bit value (an address or an integer).
 */
export type IoctlArg = Uint8Array | bigint;

/** The buffer of a read or write: the caller's bytes (placed in memory for the call) or an address. */
export type IoBuffer = Uint8Array | UserRange;

export interface PollFd {
	readonly fd: number;
	/** POLLIN and so on, as in poll(2) */
	readonly events: number;
	/** answer */
	revents: number;
}

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
export const POLLNVAL = 32;

export const PROT_READ = 1;
export const PROT_WRITE = 2;

export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

export interface MmapRequest {
	/** 0n: the kernel chooses; else exactly there (MAP_FIXED_NOREPLACE: EEXIST if something is mapped there) */
	readonly addr: bigint;
	/** bytes, rounded up to pages */
	readonly length: bigint;
	/** PROT_READ | PROT_WRITE */
	readonly prot: number;
	/** with a file, the mapping is shared; without, private and anonymous */
	readonly fd?: number;
	/** bytes, a multiple of the page size */
	readonly offset?: bigint;
	/** anonymous memory in huge pages of this many bytes (MAP_HUGETLB); the length is rounded up to them */
	readonly pageSize?: number;
	/** bring the pages in at once (MAP_POPULATE) */
	readonly populate?: boolean;
}

/** One program's view of a kernel. */
export interface Kernel {
	readonly kind: "real" | "sim";
	/** `flags` defaults to O_RDWR | O_NONBLOCK | O_CLOEXEC */
	open(path: string, flags?: number): Ret;
	close(fd: number): Ret;
	ioctl(fd: number, request: number, arg: IoctlArg): Ret;
	read(fd: number, into: IoBuffer): Ret;
	write(fd: number, from: IoBuffer): Ret;
	pread(fd: number, into: IoBuffer, offset: bigint): Ret;
	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret;
	/** number of files with events; the simulated kernel never waits. `timeout` in ms; 0: return at once */
	poll(fds: PollFd[], timeout: number): Ret;
	/** the address, or minus the errno */
	mmap(request: MmapRequest): bigint;
	munmap(addr: bigint, length: bigint): Ret;
	/** memfd_create (with MFD_ALLOW_SEALING) and ftruncate in one; `length` in bytes. `pageSize` (bytes): of huge pages (hugetlb) */
	memfd(name: string, length: bigint, pageSize?: number): Ret;
	/** Copy out of (`peek`) or into (`poke`) the program's memory. 0, or -EFAULT and nothing copied. */
	peek(addr: bigint, into: Uint8Array): Ret;
	poke(addr: bigint, from: Uint8Array): Ret;
	/** Ends the program: closes open files in reverse order of opening, and unmaps its memory. */
	exit(): void;
}

/** A kernel that makes eventfds. */
export interface EventCapable {
	/** eventfd(2) with EFD_NONBLOCK and EFD_CLOEXEC: the descriptor, or minus the errno. `count` has 32 bits. */
	eventfd(count: number): Ret;
}

export function isEventCapable(kernel: Kernel): kernel is Kernel & EventCapable {
	return "eventfd" in kernel;
}

/** A kernel whose machine has devices that do DMA on request (QEMU's `edu`, see the traces' `dma` steps). */
export interface DmaCapable {
	/**
	 * The device behind `fd` copies `length` bytes: `read` from `iova` into its own buffer at `buf`,
	 * `write` from there to `iova`. Returns the IOMMU's own event records, 32 bytes each.
	 */
	dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[];
}

/** A kernel whose allocations can be made to fail. */
export interface FailsAllocations {
	/**
	 * From now on the `n`th allocation fails (from 1); 0: none any more. Returns whether the one that was to fail until now has
	 * failed.
	 */
	failNth(n: number): boolean;
}

/** Whether `kernel` has `failNth`; the real kernel does not. */
export function failsAllocations(kernel: Kernel): kernel is Kernel & FailsAllocations {
	return "failNth" in kernel;
}

/** Whether `kernel` has `dma`; the real kernel does not. */
export function isDmaCapable(kernel: Kernel): kernel is Kernel & DmaCapable {
	return "dma" in kernel;
}

/** A kernel whose program can have child processes, which are programs of their own. */
export interface ForkCapable {
	/** A child with the same open files and a copy of the memory; `exit` ends it. `name`: for recordings */
	fork(name: string): Kernel;
}

/** Whether `kernel` has `fork`. */
export function isForkCapable(kernel: Kernel): kernel is Kernel & ForkCapable {
	return "fork" in kernel;
}

export const MADV_DONTNEED = 4;
export const MADV_POPULATE_READ = 22;
export const MADV_POPULATE_WRITE = 23;

/** A kernel whose programs can change their memory after it was mapped. Lengths are in bytes, rounded up to pages. */
export interface ReshapeCapable {
	mprotect(addr: bigint, length: bigint, prot: number): Ret;
	/** `advice`: a MADV_ number */
	madvise(addr: bigint, length: bigint, advice: number): Ret;
	/** The new address, or minus the errno. `to`: exactly there, over what is mapped; 0n: in place where there is room, else anywhere. */
	mremap(addr: bigint, length: bigint, newLength: bigint, to: bigint): bigint;
}

/** Whether `kernel` has `mprotect`, `madvise` and `mremap`. */
export function isReshapeCapable(kernel: Kernel): kernel is Kernel & ReshapeCapable {
	return "mremap" in kernel;
}

export const F_SEAL_SEAL = 1;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;
export const F_SEAL_WRITE = 8;
export const F_SEAL_FUTURE_WRITE = 16;
export const F_SEAL_EXEC = 32;

/** A kernel whose programs can seal and truncate memory files, and serve the faults of their own memory. */
export interface PagingCapable {
	/** fcntl(2) F_ADD_SEALS; `seals`: F_SEAL_ numbers */
	addSeals(fd: number, seals: number): Ret;
	/** ftruncate(2); `length` in bytes */
	truncate(fd: number, length: bigint): Ret;
	/** userfaultfd(2) with O_NONBLOCK and O_CLOEXEC, for faults of user space and of the kernel. Its ioctls are UFFDIO_API and so on. */
	userfaultfd(): Ret;
}

/** Whether `kernel` has `addSeals`, `truncate` and `userfaultfd`. */
export function isPagingCapable(kernel: Kernel): kernel is Kernel & PagingCapable {
	return "userfaultfd" in kernel;
}

/** A kernel that cannot let a call wait: it answers EFAULT instead, and tells. */
export interface TellsWaits {
	/** The page (its address) that the latest call would wait for until another thread serves it; undefined: it does not wait. */
	waits(): bigint | undefined;
	/** Whether a call can wait at all: the program opened a userfaultfd. */
	mayWait(): boolean;
}

/** Whether `kernel` has `waits`. */
export function tellsWaits(kernel: Kernel): kernel is Kernel & TellsWaits {
	return "waits" in kernel;
}
