/** Implements the client's Kernel interface as a process on the simulated kernel. */
import {
	type DmaCapable,
	type ForkCapable,
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
import type { ReleaseRule, TellsRules } from "../../kernel/release-rule.js";
import type { Explains, Why } from "../../kernel/why.js";
import { AddressSpace } from "../memory/address-space.js";
import { lengthChecks } from "../memory/checks.js";
import { faultAt } from "../memory/fault.js";
import { userArg } from "../memory/user-arg.js";
import type { Reasons } from "../why/reasons.js";
import type { Caller } from "./caller.js";
import {
	closeChecks,
	ioChecks,
	ioctlChecks,
	memfdChecks,
	mmapChecks,
	offsetIoChecks,
	openChecks,
	peekChecks,
	readWriteChecks,
} from "./checks.js";
import type { SimFile } from "./file.js";
import { DescriptorTable } from "./files.js";
import { type UserIo, userIo } from "./io.js";
import { MemfdFile } from "./memfd.js";
import type { DeviceNodes, KernelServices } from "./services.js";

/** The first address beyond user space (x86-64 with five levels). */
const USER_END = (1n << 56n) - 0x1000n;
/** The highest offset in a file. */
const OFFSET_MAX = (1n << 63n) - 1n;

/** A process on the simulated kernel, with its own memory and open files. */
export class SimProcess<System extends KernelServices & DeviceNodes = KernelServices & DeviceNodes>
	implements Kernel, Caller, DmaCapable, ForkCapable, Explains, TellsRules
{
	readonly kind = "sim";
	readonly memory: AddressSpace;
	readonly #files: DescriptorTable;

	constructor(readonly system: System) {
		this.memory = new AddressSpace(system.reasons);
		this.#files = new DescriptorTable(system);
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

	takeRules(): readonly ReleaseRule[] {
		return this.system.release?.takeNoted() ?? [];
	}

	open(path: string, _flags?: number): Ret {
		this.reasons.begin("open");
		const { system } = this;
		if (!system.allocation()) return this.reasons.fail(openChecks.openMemory, system.allocations);
		const file = system.open(path);
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
		this.reasons.begin("close");
		return this.#files.close(fd) ? 0 : this.reasons.fail(closeChecks.notOpen, fd);
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		this.reasons.begin("ioctl");
		const file = this.file(fd);
		if (file === undefined) return this.reasons.fail(ioctlChecks.notOpen, fd);
		return file.ioctl(this, request >>> 0, userArg(this.memory, arg));
	}

	read(fd: number, into: IoBuffer): Ret {
		this.reasons.begin("read");
		const file = this.file(fd);
		if (file === undefined) return this.reasons.fail(readWriteChecks.notOpen, fd);
		const rc = this.#checkIo(fd, file, "reads", into);
		return rc < 0 ? rc : file.read(this, this.#io(into));
	}

	write(fd: number, from: IoBuffer): Ret {
		this.reasons.begin("write");
		const file = this.file(fd);
		if (file === undefined) return this.reasons.fail(readWriteChecks.notOpen, fd);
		const rc = this.#checkIo(fd, file, "writes", from);
		return rc < 0 ? rc : file.write(this, this.#io(from));
	}

	pread(fd: number, into: IoBuffer, offset: bigint): Ret {
		this.reasons.begin("pread");
		const file = this.#fileWithOffsets(fd, offset);
		if (typeof file === "number") return file;
		const rc = this.#checkIo(fd, file, "reads", into, offset);
		return rc < 0 ? rc : file.pread(this, this.#io(into), offset);
	}

	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret {
		this.reasons.begin("pwrite");
		const file = this.#fileWithOffsets(fd, offset);
		if (typeof file === "number") return file;
		const rc = this.#checkIo(fd, file, "writes", from, offset);
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
		const { reasons, system } = this;
		reasons.begin("mmap");
		const { addr, length, prot, fd, offset = 0n } = request;
		if (length <= 0n) return reasons.failBig(lengthChecks.lengthZero, length);
		if (length > 1n << 47n) return reasons.failBig(mmapChecks.tooLong, length);
		const pages = Number((length + 0xfffn) >> 12n);
		if (!system.allocation()) return reasons.failBig(mmapChecks.mmapMemory, system.allocations);
		if (fd === undefined) {
			const object = system.physical.newObject(pages, "anonymous");
			return this.memory.map(addr, pages, object, 0, prot);
		}
		const file = this.file(fd);
		if (file === undefined) return reasons.failBig(mmapChecks.notOpen, fd);
		if ((offset & 0xfffn) !== 0n || offset < 0n) return reasons.failBig(mmapChecks.offsetAlignment, offset);
		const backing = file.mmap(Number(offset >> 12n), pages);
		if (backing === undefined) return reasons.failBig(mmapChecks.notMappable, file.kind);
		if (typeof backing === "number") return BigInt(backing);
		return this.memory.map(addr, pages, backing.object, backing.page, prot);
	}

	munmap(addr: bigint, length: bigint): Ret {
		this.reasons.begin("munmap");
		return this.memory.unmap(addr, length);
	}

	memfd(_name: string, length: bigint): Ret {
		const { reasons, system } = this;
		reasons.begin("memfd");
		if (length < 0n || length > 1n << 62n) return reasons.fail(memfdChecks.fileLength, length);
		if (!system.allocation()) return reasons.fail(memfdChecks.memfdMemory, system.allocations);
		const pages = Number((length + 0xfffn) >> 12n);
		return this.install(new MemfdFile(system.physical.newObject(pages, "memfd"), length, system.physical));
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		return this.#mapped("peek", addr, into.length) ? this.memory.read(addr, into) : this.#notMapped("read", addr, into.length);
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		// As a debugger would: mapped memory can be written even if it is read-only.
		return this.#mapped("poke", addr, from.length) ? this.memory.write(addr, from, true) : this.#notMapped("written", addr, from.length);
	}

	/** The device behind the file does DMA; other files ignore it. `buf` is an offset in the device's own buffer. */
	dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		this.reasons.begin("dma");
		this.reasons.begin("dma");
		return this.file(fd)?.dma(dir, BigInt.asUintN(64, iova), length, buf) ?? [];
	}

	/** A child: the same open files, which stay open until both have closed them, and a copy of the memory. */
	fork(): SimProcess<System> {
		const child = new SimProcess<System>(this.system);
		child.#files.inherit(this.#files);
		child.memory.inherit(this.memory, (pages) => this.system.physical.newObject(pages, "anonymous"));
		return child;
	}

	exit(): void {
		this.#files.closeAll();
		this.memory.drop();
	}

	#io(buffer: IoBuffer): UserIo {
		return userIo(this.memory, buffer);
	}

	/** The file for pread or pwrite, or minus the errno. */
	#fileWithOffsets(fd: number, offset: bigint): SimFile | Ret {
		// The offset is checked first, even before the descriptor.
		const signed = BigInt.asIntN(64, offset);
		if (signed < 0n) return this.reasons.fail(offsetIoChecks.negativeOffset, () => String(signed));
		const file = this.file(fd);
		if (file === undefined) return this.reasons.fail(offsetIoChecks.notOpen, fd);
		return file.hasOffsets ? file : this.reasons.fail(offsetIoChecks.noOffsets, file.kind);
	}

	/** The checks before the file's own: whether it can be read (or written) at all, whether the buffer is in user space, and whether the end has a valid offset. */
	#checkIo(fd: number, file: SimFile, what: "reads" | "writes", buffer: IoBuffer, offset = 0n): Ret {
		const { reasons } = this;
		if (!(what === "reads" ? file.openForRead : file.openForWrite)) return reasons.fail(ioChecks.openedFor, fd, what);
		if (!(what === "reads" ? file.canRead : file.canWrite)) return reasons.fail(ioChecks.noIo, file.kind, what);
		// A buffer of iommuctl's own is in user space, and far too short to reach the last offset from 0.
		if (offset === 0n && buffer instanceof Uint8Array) return 0;
		const length = BigInt(buffer.length);
		if (!(buffer instanceof Uint8Array) && (buffer.addr < 0n || buffer.addr + length > USER_END))
			return reasons.fail(ioChecks.bufferOutside, buffer.addr, buffer.length);
		return offset + length > OFFSET_MAX ? reasons.fail(ioChecks.offsetEnd, buffer.length, offset) : 0;
	}

	#mapped(call: string, addr: bigint, length: number): boolean {
		if (this.memory.accessible(addr, length, PROT_READ | PROT_WRITE)) return true;
		// Looking at memory must not wipe out why the last call failed, so this begins only where it fails itself.
		this.reasons.begin(call);
		return false;
	}

	#notMapped(done: string, addr: bigint, length: number): Ret {
		return this.reasons.fail(peekChecks.notMapped, addr, done, faultAt(this.memory, addr, length, false));
	}
}
