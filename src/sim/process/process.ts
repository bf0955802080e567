/** Implements the client's Kernel interface as a process on the simulated kernel. */
import { EBADF, EFAULT, EINVAL, ENOMEM, ESPIPE } from "../../kernel/errno.js";
import {
	type DmaCapable,
	type IoBuffer,
	type IoctlArg,
	type Kernel,
	type MmapRequest,
	POLLERR,
	POLLHUP,
	POLLNVAL,
	type PollFd,
	PROT_READ,
	PROT_WRITE,
	type Ret,
} from "../../kernel/kernel.js";
import type { Explains, Why } from "../../kernel/why.js";
import { AddressSpace } from "../memory/address-space.js";
import { userArg } from "../memory/user-arg.js";
import type { UserMemory } from "../memory/user-memory.js";
import type { Reasons } from "../why/reasons.js";
import type { Caller } from "./caller.js";
import type { SimFile, UserIo } from "./file.js";
import { DescriptorTable } from "./files.js";
import { MemfdFile } from "./memfd.js";
import type { DeviceNodes, KernelServices } from "./services.js";

/** The most bytes that one read or write moves, as in Linux. */
const MAX_RW = 0x7ffff000;
/** The first address beyond user space (x86-64 with five levels). */
const USER_END = (1n << 56n) - 0x1000n;
/** The highest offset in a file. */
const OFFSET_MAX = (1n << 63n) - 1n;

/** A process on the simulated kernel, with its own memory and open files. */
export class SimProcess<System extends KernelServices & DeviceNodes = KernelServices & DeviceNodes>
	implements Kernel, Caller, DmaCapable, Explains
{
	readonly kind = "sim";
	readonly memory = new AddressSpace();
	readonly #files: DescriptorTable;

	constructor(readonly system: System) {
		this.#files = new DescriptorTable(() => system.allocation(), system.foreignFiles);
	}

	get reasons(): Reasons {
		return this.system.reasons;
	}

	why(ret: Ret | bigint): Why | undefined {
		return this.reasons.why(ret);
	}

	notes(): readonly Why[] {
		return this.reasons.notes();
	}

	open(path: string, _flags?: number): Ret {
		this.reasons.begin("open");
		if (!this.system.allocation()) return -ENOMEM;
		const file = this.system.open(path);
		return typeof file === "number" ? file : this.install(file);
	}

	file(fd: number): SimFile | undefined {
		return this.#files.file(fd);
	}

	install(file: SimFile): Ret {
		return this.#files.install(file);
	}

	reserveFd(): Ret {
		return this.#files.reserveFd();
	}

	close(fd: number): Ret {
		return this.#files.close(fd) ? 0 : -EBADF;
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		this.reasons.begin("ioctl");
		const file = this.file(fd);
		if (file === undefined) return -EBADF;
		return file.ioctl(this, request >>> 0, userArg(this.memory, arg));
	}

	read(fd: number, into: IoBuffer): Ret {
		this.reasons.begin("read");
		const file = this.file(fd);
		if (file === undefined) return -EBADF;
		const rc = checkIo(file.readRefusal, into);
		return rc < 0 ? rc : file.read(this, this.#io(into));
	}

	write(fd: number, from: IoBuffer): Ret {
		this.reasons.begin("write");
		const file = this.file(fd);
		if (file === undefined) return -EBADF;
		const rc = checkIo(file.writeRefusal, from);
		return rc < 0 ? rc : file.write(this, this.#io(from));
	}

	pread(fd: number, into: IoBuffer, offset: bigint): Ret {
		this.reasons.begin("pread");
		// The offset is checked first, even before the descriptor.
		if (BigInt.asIntN(64, offset) < 0n) return -EINVAL;
		const file = this.file(fd);
		if (file === undefined) return -EBADF;
		const rc = file.hasOffsets ? checkIo(file.readRefusal, into, offset) : -ESPIPE;
		return rc < 0 ? rc : file.pread(this, this.#io(into), offset);
	}

	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret {
		this.reasons.begin("pwrite");
		if (BigInt.asIntN(64, offset) < 0n) return -EINVAL;
		const file = this.file(fd);
		if (file === undefined) return -EBADF;
		const rc = file.hasOffsets ? checkIo(file.writeRefusal, from, offset) : -ESPIPE;
		return rc < 0 ? rc : file.pwrite(this, this.#io(from), offset);
	}

	poll(fds: PollFd[], _timeout: number): Ret {
		let ready = 0;
		for (const entry of fds) {
			const file = this.file(entry.fd);
			entry.revents = file === undefined ? POLLNVAL : file.poll() & (entry.events | POLLERR | POLLHUP);
			if (entry.revents !== 0) ready++;
		}
		return ready;
	}

	mmap(request: MmapRequest): bigint {
		this.reasons.begin("mmap");
		const { addr, length, prot, fd, offset = 0n } = request;
		if (length <= 0n || length > 1n << 47n) return BigInt(length > 0n ? -ENOMEM : -EINVAL);
		const pages = Number((length + 0xfffn) >> 12n);
		if (!this.system.allocation()) return BigInt(-ENOMEM);
		if (fd === undefined) {
			const object = this.system.physical.newObject(pages, "anonymous");
			return this.memory.map(addr, pages, object, 0, prot);
		}
		const file = this.file(fd);
		if (file === undefined) return BigInt(-EBADF);
		if ((offset & 0xfffn) !== 0n || offset < 0n) return BigInt(-EINVAL);
		const backing = file.mmap(Number(offset >> 12n), pages);
		if (typeof backing === "number") return BigInt(backing);
		return this.memory.map(addr, pages, backing.object, backing.page, prot);
	}

	munmap(addr: bigint, length: bigint): Ret {
		return this.memory.unmap(addr, length);
	}

	memfd(_name: string, length: bigint): Ret {
		if (length < 0n || length > 1n << 62n) return -EINVAL;
		if (!this.system.allocation()) return -ENOMEM;
		const pages = Number((length + 0xfffn) >> 12n);
		return this.install(new MemfdFile(this.system.physical.newObject(pages, "memfd"), length, this.system.physical));
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		return this.memory.accessible(addr, into.length, PROT_READ | PROT_WRITE) ? this.memory.read(addr, into) : -EFAULT;
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		// As a debugger would: mapped memory can be written even if it is read-only.
		return this.memory.accessible(addr, from.length, PROT_READ | PROT_WRITE) ? this.memory.write(addr, from, true) : -EFAULT;
	}

	/** The device behind the file does DMA; other files ignore it. `buf` is an offset in the device's own buffer. */
	dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		return this.file(fd)?.dma(dir, BigInt.asUintN(64, iova), length, buf) ?? [];
	}

	exit(): void {
		this.#files.closeAll();
		this.memory.drop();
	}

	#io(buffer: IoBuffer): UserIo {
		return userIo(this.memory, buffer);
	}
}

/** The checks before the file's own: whether it can be read (or written) at all, whether the buffer is in user space, and whether the end has a valid offset. */
function checkIo(refusal: Ret, buffer: IoBuffer, offset = 0n): Ret {
	if (refusal < 0) return refusal;
	// A buffer of iommuctl's own is in user space, and far too short to reach the last offset from 0.
	if (offset === 0n && buffer instanceof Uint8Array) return 0;
	const length = BigInt(buffer.length);
	if (!(buffer instanceof Uint8Array) && (buffer.addr < 0n || buffer.addr + length > USER_END)) return -EFAULT;
	return offset + length > OFFSET_MAX ? -EINVAL : 0;
}

/** The buffer of a read or write: one of iommuctl's own, or a range of the caller's memory. */
export function userIo(memory: UserMemory, buffer: IoBuffer): UserIo {
	if (buffer instanceof Uint8Array) {
		return {
			length: buffer.length,
			put: (offset, bytes) => {
				buffer.set(bytes, offset);
				return 0;
			},
			get: (offset, into) => {
				into.set(buffer.subarray(offset, offset + into.length));
				return 0;
			},
		};
	}
	const { addr, length } = buffer;
	return {
		length: Math.min(length, MAX_RW),
		addr,
		put: (offset, bytes) => memory.write(addr + BigInt(offset), bytes),
		get: (offset, into) => memory.read(addr + BigInt(offset), into),
	};
}
