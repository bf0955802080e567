import { EBADF, EFAULT, EINVAL, EMFILE, ENOMEM } from "../../kernel/errno.js";
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
	type Ret,
} from "../../kernel/kernel.js";
import { AddressSpace } from "../memory/address-space.js";
import { userArg } from "../memory/user-arg.js";
import type { Sim } from "../system/sim.js";
import { VfioDeviceFile } from "../vfio/device-file.js";
import type { SimFile, UserIo } from "./file.js";
import { MemfdFile } from "./memfd.js";

/** Descriptors a process can have (Linux's usual soft limit). */
const MAX_FILES = 1024;
/** Bytes one read or write moves at most, as in Linux. */
const MAX_RW = 0x7ffff000;

/** A program on the simulated kernel: its memory and its open files. */
export class SimProcess implements Kernel, DmaCapable {
	readonly kind = "sim";
	readonly memory = new AddressSpace();
	#files = new Map<number, SimFile>();
	#lowestFree = 3;

	constructor(readonly sim: Sim) {}

	open(path: string, _flags?: number): Ret {
		if (!this.sim.allocation()) return -ENOMEM;
		const file = this.sim.open(this, path);
		return typeof file === "number" ? file : this.install(file);
	}

	/** A descriptor for a new file, or -EMFILE (and the file is released). */
	install(file: SimFile): Ret {
		let fd = this.#lowestFree;
		while (this.#files.has(fd)) fd++;
		if (fd >= MAX_FILES) {
			file.put();
			return -EMFILE;
		}
		this.#files.set(fd, file);
		this.#lowestFree = fd + 1;
		return fd;
	}

	/** The lowest free descriptor, or -EMFILE or -ENOMEM, without taking it. */
	reserveFd(): Ret {
		if (!this.sim.allocation()) return -ENOMEM;
		let fd = this.#lowestFree;
		while (this.#files.has(fd)) fd++;
		return fd >= MAX_FILES ? -EMFILE : fd;
	}

	file(fd: number): SimFile | undefined {
		return this.#files.get(fd);
	}

	close(fd: number): Ret {
		const file = this.#files.get(fd);
		if (file === undefined) return -EBADF;
		this.#files.delete(fd);
		if (fd < this.#lowestFree) this.#lowestFree = Math.max(fd, 3);
		file.put();
		return 0;
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		const file = this.#files.get(fd);
		if (file === undefined) return -EBADF;
		return file.ioctl(this, request >>> 0, userArg(this.memory, arg));
	}

	read(fd: number, into: IoBuffer): Ret {
		const file = this.#files.get(fd);
		return file === undefined ? -EBADF : file.read(this, this.#io(into));
	}

	write(fd: number, from: IoBuffer): Ret {
		const file = this.#files.get(fd);
		return file === undefined ? -EBADF : file.write(this, this.#io(from));
	}

	pread(fd: number, into: IoBuffer, offset: bigint): Ret {
		const file = this.#files.get(fd);
		if (file === undefined) return -EBADF;
		return offset < 0n ? -EINVAL : file.pread(this, this.#io(into), offset);
	}

	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret {
		const file = this.#files.get(fd);
		if (file === undefined) return -EBADF;
		return offset < 0n ? -EINVAL : file.pwrite(this, this.#io(from), offset);
	}

	poll(fds: PollFd[], _timeout: number): Ret {
		let ready = 0;
		for (const entry of fds) {
			const file = this.#files.get(entry.fd);
			entry.revents = file === undefined ? POLLNVAL : file.poll() & (entry.events | POLLERR | POLLHUP);
			if (entry.revents !== 0) ready++;
		}
		return ready;
	}

	mmap(request: MmapRequest): bigint {
		const { addr, length, prot, fd, offset = 0n } = request;
		if (length <= 0n || length > 1n << 47n) return BigInt(length > 0n ? -ENOMEM : -EINVAL);
		const pages = Number((length + 0xfffn) >> 12n);
		if (!this.sim.allocation()) return BigInt(-ENOMEM);
		if (fd === undefined) {
			const object = this.sim.physical.newObject(pages, "anonymous");
			return this.memory.map(addr, pages, object, 0, prot);
		}
		const file = this.#files.get(fd);
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
		if (!this.sim.allocation()) return -ENOMEM;
		const pages = Number((length + 0xfffn) >> 12n);
		return this.install(new MemfdFile(this.sim.physical.newObject(pages, "memfd"), length));
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		return this.memory.accessible(addr, into.length, PROT_READ) ? this.memory.read(addr, into) : -EFAULT;
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		// As a debugger would: what is mapped can be written, read-only or not.
		return this.memory.accessible(addr, from.length, PROT_READ) ? this.memory.write(addr, from, true) : -EFAULT;
	}

	/** The device behind the file does DMA; nothing for other files. `buf` is where in its own buffer. */
	dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		const file = this.#files.get(fd);
		if (!(file instanceof VfioDeviceFile)) return [];
		if (this.sim.dmaTurnsMasteringOn) file.device.masterBus();
		return file.dma(dir, BigInt.asUintN(64, iova), length, buf);
	}

	exit(): void {
		for (const fd of [...this.#files.keys()].reverse()) this.close(fd);
		this.memory.drop();
	}

	#io(buffer: IoBuffer): UserIo {
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
			put: (offset, bytes) => this.memory.write(addr + BigInt(offset), bytes),
			get: (offset, into) => this.memory.read(addr + BigInt(offset), into),
		};
	}
}
