/** The calls of this process's own kernel. */
import { ioctls } from "../../../structs/index.js";
import { EEXIST, EFAULT, EINVAL, ENOMEM } from "../errno.js";
import {
	type EventCapable,
	type ForkCapable,
	type IoBuffer,
	type IoctlArg,
	type Kernel,
	type MmapRequest,
	O_CLOEXEC,
	O_NONBLOCK,
	O_RDWR,
	type PagingCapable,
	type PollFd,
	PROT_READ,
	PROT_WRITE,
	type ReshapeCapable,
	type Ret,
} from "../kernel.js";
import { numberOf } from "../syscall-numbers.js";
import { forkProgram } from "./child/child-kernel.js";
import { getsDmaBuffer, openDmaBuffers } from "./dma-buffers.js";
import type { Ioctl } from "./ioctl.js";
import type { Libc } from "./libc.js";
import { madeFile, madeFileEnd, mayMakeFile } from "./made-files.js";
import { OwnedMemory, type OwnedRange } from "./owned-memory.js";
import type { System } from "./system.js";
import type { Transfer } from "./transfer.js";
import type { UserMemory } from "./user-memory.js";

const TEST_CMD = ioctls.IOMMU_TEST_CMD.request;
const PAGE = 0x1000n;
/** Longer than any memory of a process. */
const TOO_LONG = 1n << 62n;
const F_GETFD = 1;
const F_ADD_SEALS = 1033;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_HUGETLB = 4;
/** of MAP_HUGETLB too */
const HUGE_SHIFT = 26;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const MADV_NOHUGEPAGE = 15;
const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MAP_POPULATE = 0x8000;
const MAP_HUGETLB = 0x40000;
const MAP_FIXED_NOREPLACE = 0x100000;

/** What a program has open and mapped. */
export interface ProgramState {
	/** in order of opening */
	readonly files: readonly number[];
	/** open files that are not its to close */
	readonly adopted: readonly number[];
	readonly memory: readonly OwnedRange[];
}

/** One program's files and memory on the real kernel. */
export class RealKernel implements Kernel, EventCapable, ForkCapable, ReshapeCapable, PagingCapable {
	readonly kind = "real";
	#libc: Libc;
	#ioctl: Ioctl;
	#transfer: Transfer;
	#user: UserMemory;
	/** in order of opening */
	#files: number[] = [];
	/** open files that are not this program's to close */
	readonly #adopted: number[] = [];
	#memory = new OwnedMemory();
	/** memory files in huge pages, and the bytes of these */
	readonly #hugeFiles = new Map<number, number>();

	constructor({ libc, ioctl, transfer, user }: System) {
		this.#libc = libc;
		this.#ioctl = ioctl;
		this.#transfer = transfer;
		this.#user = user;
	}

	open(path: string, flags = O_RDWR | O_NONBLOCK | O_CLOEXEC): Ret {
		if (path.includes("\0")) return -EINVAL;
		return this.#own(this.#transfer.withText("open", path, flags));
	}

	/** Adopts a file that is already open, such as one from the shell. It stays open at exit. Returns the fd, or -EBADF. */
	adopt(fd: number): Ret {
		const ret = this.#libc.call("fcntl", fd, F_GETFD, 0);
		if (ret >= 0) this.#adopted.push(fd);
		return ret < 0 ? ret : fd;
	}

	/** Takes over open files of the process, in order of opening, as if this program had opened them. */
	inherit(files: readonly number[]): void {
		this.#files.push(...files);
	}

	/** What it has, for another thread of this process that makes calls for the same program. */
	state(): ProgramState {
		return { files: [...this.#files], adopted: [...this.#adopted], memory: [...this.#memory.all()] };
	}

	/** Takes over what a program has; for a new kernel of another thread. */
	become({ files, adopted, memory }: ProgramState): void {
		this.#files.push(...files);
		this.#adopted.push(...adopted);
		for (const { start, end, prot } of memory) this.#memory.add(start, end, prot);
	}

	/** Learns what another thread's calls changed. */
	merge(before: ProgramState, after: ProgramState): void {
		this.#files = this.#files.filter((fd) => !before.files.includes(fd) || after.files.includes(fd));
		this.#files.push(...after.files.filter((fd) => !before.files.includes(fd)));
		const isIn = (ranges: readonly OwnedRange[], { start, end, prot }: OwnedRange) =>
			ranges.some((one) => one.start === start && one.end === end && one.prot === prot);
		for (const one of before.memory) if (!isIn(after.memory, one)) this.#memory.remove(one.start, one.end);
		for (const one of after.memory) if (!isIn(before.memory, one)) this.#memory.add(one.start, one.end, one.prot);
	}

	/** A child process, by another process of this machine. @throws EnvironmentError */
	fork(name: string): Kernel {
		return forkProgram(name, [...this.#adopted, ...this.#files], this.#memory.all());
	}

	/** Adopts memory that another thread of the process mapped: it can be written and unmapped. `length` in bytes, whole pages. */
	adoptMemory(addr: bigint, length: bigint, prot: number): void {
		this.#memory.add(addr, addr + length, prot);
	}

	close(fd: number): Ret {
		const ret = this.#libc.call("close", fd);
		// On Linux the descriptor is gone, whatever close returns.
		for (const files of [this.#files, this.#adopted]) {
			const at = files.lastIndexOf(fd);
			if (at >= 0) files.splice(at, 1);
		}
		return ret;
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		if (request === TEST_CMD && getsDmaBuffer(request, arg)) return this.#getDmaBuffer(fd, request, arg);
		if (typeof arg !== "bigint" && arg.length < madeFileEnd(request)) return this.#withRoom(fd, request, arg);
		const ret = this.#ioctl(fd, request, arg);
		if (ret >= 0 && mayMakeFile(request)) this.#ownMade(request, ret, arg);
		return ret;
	}

	read(fd: number, into: IoBuffer): Ret {
		return this.#transfer.io("read", fd, into);
	}

	write(fd: number, from: IoBuffer): Ret {
		return this.#transfer.io("write", fd, from);
	}

	pread(fd: number, into: IoBuffer, offset: bigint): Ret {
		return this.#transfer.io("pread", fd, into, offset);
	}

	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret {
		return this.#transfer.io("pwrite", fd, from, offset);
	}

	poll(fds: PollFd[], timeout: number): Ret {
		return this.#transfer.poll(fds, timeout);
	}

	mmap(request: MmapRequest): bigint {
		const { addr, length, prot, fd, offset = 0n, pageSize, populate } = request;
		if (length <= 0n || length > TOO_LONG) return BigInt(length > 0n ? -ENOMEM : -EINVAL);
		const of = fd === undefined ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
		const huge = pageSize === undefined ? 0 : MAP_HUGETLB | (Math.log2(pageSize) << HUGE_SHIFT);
		const flags = of | huge | (addr === 0n ? 0 : MAP_FIXED_NOREPLACE) | (populate ? MAP_POPULATE : 0);
		const at = this.#libc.callForAddress("mmap", addr, length, prot, flags, fd ?? -1, offset);
		if (at < 0n) return at;
		const end = at + pagesUp(length, BigInt(pageSize ?? this.#hugeFiles.get(fd ?? -1) ?? PAGE));
		if (addr !== 0n && at !== addr) {
			// A kernel that does not know the flag takes the address as a hint.
			this.#unmap(at, end);
			return BigInt(-EEXIST);
		}
		this.#memory.add(at, end, prot);
		if (fd === undefined && pageSize === undefined) this.#smallPages(at, end);
		return at;
	}

	munmap(addr: bigint, length: bigint): Ret {
		if (addr % PAGE !== 0n || addr < 0n || length <= 0n || length > TOO_LONG) return -EINVAL;
		const end = addr + pagesUp(length);
		// Only what the program mapped, as the rest of the process belongs to Node. Unmapping unmapped memory succeeds.
		for (const part of this.#memory.within(addr, end)) {
			const ret = this.#unmap(part.start, part.end);
			if (ret < 0) return ret;
			this.#memory.remove(part.start, part.end);
		}
		return 0;
	}

	mprotect(addr: bigint, length: bigint, prot: number): Ret {
		const range = this.#owned(addr, length);
		if (typeof range === "number") return range;
		// As Linux does: what lies before the first hole changes.
		let at = addr;
		for (const { start, end } of range.parts) {
			if (start !== at) break;
			const ret = this.#protect(start, end, prot);
			if (ret < 0) return ret;
			this.#memory.remove(start, end);
			this.#memory.add(start, end, prot);
			at = end;
		}
		return range.whole ? 0 : -ENOMEM;
	}

	madvise(addr: bigint, length: bigint, advice: number): Ret {
		const range = this.#owned(addr, length);
		if (typeof range === "number") return range;
		// Of no bytes: only whether the kernel knows the advice.
		const known = this.#libc.call("madvise", addr, 0n, advice);
		if (known < 0) return known;
		for (const { start, end } of range.parts) {
			const ret = this.#libc.call("madvise", start, end - start, advice);
			if (ret < 0) return ret;
		}
		return range.whole ? 0 : -ENOMEM;
	}

	mremap(addr: bigint, length: bigint, newLength: bigint, to: bigint): bigint {
		const overlaps = to !== 0n && to < addr + pagesUp(length) && addr < to + pagesUp(newLength);
		if (length <= 0n || newLength <= 0n || newLength > TOO_LONG || to < 0n || to % PAGE !== 0n || overlaps) return BigInt(-EINVAL);
		const range = this.#owned(addr, length);
		if (typeof range === "number") return BigInt(range);
		if (!range.whole) return BigInt(-EFAULT);
		if (to !== 0n) {
			// The new place may be free or the program's: this process's own memory must not be replaced.
			this.munmap(to, newLength);
			const room = this.#libc.callForAddress("mmap", to, newLength, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0n);
			if (room < 0n) return room;
		}
		const at = this.#libc.callForAddress("mremap", addr, length, newLength, to === 0n ? MREMAP_MAYMOVE : MREMAP_MAYMOVE | MREMAP_FIXED, to);
		if (at < 0n) {
			if (to !== 0n) this.#unmap(to, to + pagesUp(newLength));
			return at;
		}
		this.#memory.remove(addr, addr + pagesUp(length));
		this.#memory.add(at, at + pagesUp(newLength), range.parts[0].prot);
		return at;
	}

	/** The parts of a range that the program has mapped, and whether that is all of it; -EINVAL for what cannot be a range. */
	#owned(addr: bigint, length: bigint): { parts: readonly OwnedRange[]; whole: boolean } | Ret {
		if (addr % PAGE !== 0n || addr < 0n || length < 0n || length > TOO_LONG) return -EINVAL;
		const end = addr + pagesUp(length);
		const parts = this.#memory.within(addr, end);
		return { parts, whole: parts.reduce((sum, one) => sum + (one.end - one.start), 0n) === end - addr };
	}

	memfd(name: string, length: bigint, pageSize?: number): Ret {
		if (name.includes("\0") || length < 0n || length > TOO_LONG) return -EINVAL;
		// The size of huge pages is in the upper bits, as a power of two.
		const huge = pageSize === undefined ? 0 : MFD_HUGETLB | (Math.log2(pageSize) << HUGE_SHIFT);
		const fd = this.#transfer.withText("memfd_create", name, MFD_CLOEXEC | MFD_ALLOW_SEALING | huge);
		if (fd < 0) return fd;
		const ret = this.#libc.call("ftruncate", fd, length);
		if (ret === 0) {
			if (pageSize === undefined) this.#hugeFiles.delete(fd);
			else this.#hugeFiles.set(fd, pageSize);
			return this.#own(fd);
		}
		this.close(fd);
		return ret;
	}

	addSeals(fd: number, seals: number): Ret {
		return this.#libc.call("fcntl", fd, F_ADD_SEALS, seals);
	}

	truncate(fd: number, length: bigint): Ret {
		return this.#libc.call("ftruncate", fd, length);
	}

	userfaultfd(): Ret {
		return this.#own(this.#libc.call("syscall", numberOf("userfaultfd"), O_NONBLOCK | O_CLOEXEC, 0, 0, 0, 0, 0));
	}

	eventfd(count: number): Ret {
		return this.#own(this.#libc.call("eventfd", count, EFD_NONBLOCK | EFD_CLOEXEC));
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		return this.#user.peek(addr, into);
	}

	/** Like a debugger: all memory that the program mapped can be written, even if the program itself may only read it. */
	poke(addr: bigint, from: Uint8Array): Ret {
		if (from.length === 0) return 0;
		const parts = this.#memory.within(addr, addr + BigInt(from.length));
		const mapped = parts.reduce((sum, { start, end }) => sum + (end - start), 0n);
		if (mapped !== BigInt(from.length) || parts.some(({ prot }) => prot === 0)) return -EFAULT;
		const readOnly = parts.filter(({ prot }) => (prot & PROT_WRITE) === 0);
		for (const part of readOnly) this.#protect(part.start, part.end, PROT_READ | PROT_WRITE);
		const ret = this.#user.poke(addr, from);
		for (const part of readOnly) this.#protect(part.start, part.end, part.prot);
		return ret;
	}

	exit(): void {
		for (const fd of this.#files.reverse()) this.#libc.call("close", fd);
		this.#files = [];
		for (const { start, end } of this.#memory.all()) this.#unmap(start, end);
		this.#memory = new OwnedMemory();
	}

	#own(fd: Ret): Ret {
		if (fd >= 0) this.#files.push(fd);
		return fd;
	}

	/** The new file has to be found; the kernel's answer stays as it is. */
	#getDmaBuffer(fd: number, request: number, arg: IoctlArg): Ret {
		const before = openDmaBuffers();
		const ret = this.#ioctl(fd, request, arg);
		const made = ret < 0 ? [] : openDmaBuffers().filter((one) => !before.includes(one));
		for (const one of made) this.#own(one);
		return ret;
	}

	/** A struct that ends before the number of the file that the kernel may make. Zeroes follow it in any case; here the number is seen. */
	#withRoom(fd: number, request: number, arg: Uint8Array): Ret {
		const whole = new Uint8Array(madeFileEnd(request));
		whole.set(arg);
		const ret = this.#ioctl(fd, request, whole);
		arg.set(whole.subarray(0, arg.length));
		if (ret >= 0) this.#ownMade(request, ret, whole);
		return ret;
	}

	#ownMade(request: number, ret: Ret, arg: IoctlArg): void {
		const fd = madeFile(request, ret, (offset) => {
			const word = new Uint8Array(4);
			if (typeof arg !== "bigint") {
				if (arg.length < offset + 4) return undefined;
				word.set(arg.subarray(offset, offset + 4));
			} else if (this.peek(arg + BigInt(offset), word) < 0) return undefined;
			return new DataView(word.buffer).getInt32(0, true);
		});
		if (fd !== undefined && fd > 2 && !this.#files.includes(fd)) this.#files.push(fd);
	}

	#unmap(start: bigint, end: bigint): Ret {
		return this.#libc.call("munmap", start, end - start);
	}

	/** In whole pages, like protections. */
	#protect(start: bigint, end: bigint, prot: number): Ret {
		const from = start - (start % PAGE);
		return this.#libc.call("mprotect", from, pagesUp(end - from), prot);
	}

	/** Huge pages come and go at the kernel's discretion; its answers about memory must not depend on that. */
	#smallPages(start: bigint, end: bigint): void {
		this.#libc.call("madvise", start, end - start, MADV_NOHUGEPAGE);
	}
}

function pagesUp(length: bigint, page = PAGE): bigint {
	return ((length + page - 1n) / page) * page;
}
