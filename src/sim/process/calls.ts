/** The system calls on simulated files, for any process: wherever its memory and its descriptors are. */
import {
	type DmaCapable,
	type FailsAllocations,
	type IoBuffer,
	type IoctlArg,
	POLLERR,
	POLLHUP,
	POLLNVAL,
	type PollFd,
	type Ret,
} from "../../kernel/kernel.js";
import type { ReleaseRule, TellsRules } from "../../kernel/release-rule.js";
import type { Explains, Why } from "../../kernel/why.js";
import { userArg } from "../memory/user-arg.js";
import type { UserMemory } from "../memory/user-memory.js";
import type { Reasons } from "../why/reasons.js";
import type { Caller } from "./caller.js";
import { descriptorChecks, ioChecks, ioctlChecks, offsetIoChecks, openChecks, readWriteChecks } from "./checks.js";
import type { SimFile } from "./file.js";
import { type UserIo, userIo } from "./io.js";
import type { DeviceNodes, KernelServices } from "./services.js";

/** The first address beyond user space (x86-64 with five levels). */
const USER_END = (1n << 56n) - 0x1000n;
/** The highest offset in a file. */
const OFFSET_MAX = (1n << 63n) - 1n;

/** What a process can call on its files; memory and descriptors are the subclass's. */
export abstract class ProcessCalls<System extends KernelServices & DeviceNodes>
	implements Caller, DmaCapable, FailsAllocations, Explains, TellsRules
{
	abstract readonly memory: UserMemory;

	constructor(readonly system: System) {}

	abstract file(fd: number): SimFile | undefined;
	abstract install(file: SimFile): Ret;
	abstract reserveFd(): Ret;

	/** Counts the allocation for a new descriptor: 0, or -ENOMEM if it is made to fail. */
	protected fdAllocation(): Ret {
		const { system } = this;
		return system.allocation() ? 0 : system.reasons.fail(descriptorChecks.fdMemory, system.allocations);
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

	failNth(n: number): boolean {
		return this.system.failNth(n);
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

	/** The device behind the file does DMA; other files ignore it. `buf` is an offset in the device's own buffer. */
	dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		this.reasons.begin("dma");
		return this.file(fd)?.dma(dir, BigInt.asUintN(64, iova), length, buf) ?? [];
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
}
