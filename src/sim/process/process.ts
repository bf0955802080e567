/** Implements the client's Kernel interface as a process on the simulated kernel. */
import {
	type EventCapable,
	type ForkCapable,
	type Kernel,
	type MmapRequest,
	PROT_READ,
	PROT_WRITE,
	type ReshapeCapable,
	type Ret,
} from "../../kernel/kernel.js";
import { AddressSpace } from "../memory/address-space.js";
import { lengthChecks } from "../memory/checks.js";
import { faultAt } from "../memory/fault.js";
import { ProcessCalls } from "./calls.js";
import { closeChecks, eventfdChecks, memfdChecks, mmapChecks, peekChecks } from "./checks.js";
import { EventfdFile } from "./eventfd.js";
import type { SimFile } from "./file.js";
import { DescriptorTable } from "./files.js";
import { MemfdFile } from "./memfd.js";
import { Reshaper } from "./reshape.js";
import type { DeviceNodes, KernelServices } from "./services.js";

/** A process on the simulated kernel, with its own memory and open files. */
export class SimProcess<System extends KernelServices & DeviceNodes = KernelServices & DeviceNodes>
	extends ProcessCalls<System>
	implements Kernel, EventCapable, ForkCapable, ReshapeCapable
{
	readonly kind = "sim";
	readonly memory: AddressSpace;
	readonly #files: DescriptorTable;
	readonly #reshaper: Reshaper;

	constructor(system: System) {
		super(system);
		this.memory = new AddressSpace(system.reasons);
		this.#files = new DescriptorTable(system);
		this.#reshaper = new Reshaper(this.memory, system.physical, system.reasons);
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

	mprotect(addr: bigint, length: bigint, prot: number): Ret {
		this.reasons.begin("mprotect");
		return this.#reshaper.mprotect(addr, length, prot);
	}

	madvise(addr: bigint, length: bigint, advice: number): Ret {
		this.reasons.begin("madvise");
		return this.#reshaper.madvise(addr, length, advice);
	}

	mremap(addr: bigint, length: bigint, newLength: bigint, to: bigint): bigint {
		this.reasons.begin("mremap");
		return this.#reshaper.mremap(addr, length, newLength, to);
	}

	munmap(addr: bigint, length: bigint): Ret {
		this.reasons.begin("munmap");
		return this.memory.unmap(addr, length);
	}

	memfd(_name: string, length: bigint, pageSize?: number): Ret {
		const { reasons, system } = this;
		reasons.begin("memfd");
		if (length < 0n || length > 1n << 62n) return reasons.fail(memfdChecks.fileLength, length);
		if (!system.allocation()) return reasons.fail(memfdChecks.memfdMemory, system.allocations);
		const pages = Number((length + 0xfffn) >> 12n);
		const object = system.physical.newObject(pages, "memfd");
		object.block = pageSize;
		return this.install(new MemfdFile(object, length, system.physical));
	}

	/** eventfd(2) with EFD_NONBLOCK; `count` has 32 bits. */
	eventfd(count: number): Ret {
		const { reasons, system } = this;
		reasons.begin("eventfd");
		if (!system.allocation()) return reasons.fail(eventfdChecks.eventfdMemory, system.allocations);
		return this.install(new EventfdFile(count));
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		return this.#mapped("peek", addr, into.length) ? this.memory.read(addr, into) : this.#notMapped("read", addr, into.length);
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		// As a debugger would: mapped memory can be written even if it is read-only.
		return this.#mapped("poke", addr, from.length) ? this.memory.write(addr, from, true) : this.#notMapped("written", addr, from.length);
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
