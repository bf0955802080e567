/** Implements the client's Kernel interface as a process on the simulated kernel. */
import {
	type EventCapable,
	type ForkCapable,
	type Kernel,
	type MmapRequest,
	type PagingCapable,
	PROT_READ,
	PROT_WRITE,
	type ReshapeCapable,
	type Ret,
	type TellsWaits,
} from "../../kernel/kernel.js";
import { AddressSpace } from "../memory/address-space.js";
import { lengthChecks } from "../memory/checks.js";
import { faultAt } from "../memory/fault.js";
import { ProcessCalls } from "./calls.js";
import {
	closeChecks,
	eventfdChecks,
	memfdChecks,
	mmapChecks,
	peekChecks,
	sealChecks,
	truncateChecks,
	userfaultfdChecks,
} from "./checks.js";
import { EventfdFile } from "./eventfd.js";
import type { SimFile } from "./file.js";
import { DescriptorTable } from "./files.js";
import { LONGEST_FILE, MemfdFile } from "./memfd.js";
import { Reshaper } from "./reshape.js";
import type { DeviceNodes, KernelServices } from "./services.js";
import { UserfaultFile } from "./userfault.js";

/** Huge pages of x86, bytes. */
const HUGE: ReadonlySet<number> = new Set([1 << 21, 1 << 30]);
const isHuge = (size: number): boolean => HUGE.has(size);

/** How many pages a length has, in whole huge pages where it is in such. */
function pagesOf(length: bigint, pageSize = 0x1000): number {
	const size = BigInt(pageSize);
	return Number((((length + size - 1n) / size) * size) >> 12n);
}

/** A process on the simulated kernel, with its own memory and open files. */
export class SimProcess<System extends KernelServices & DeviceNodes = KernelServices & DeviceNodes>
	extends ProcessCalls<System>
	implements Kernel, EventCapable, ForkCapable, ReshapeCapable, PagingCapable, TellsWaits
{
	readonly kind = "sim";
	readonly memory: AddressSpace;
	readonly #files: DescriptorTable;
	readonly #reshaper: Reshaper;
	/** it opened a userfaultfd */
	#serves = false;

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
		const { addr, length, prot, fd, offset = 0n, pageSize, populate } = request;
		if (length <= 0n) return reasons.failBig(lengthChecks.lengthZero, length);
		if (length > 1n << 47n) return reasons.failBig(mmapChecks.tooLong, length);
		if (pageSize !== undefined && !isHuge(pageSize)) return reasons.failBig(mmapChecks.hugePageSize, pageSize);
		if (!system.allocation()) return reasons.failBig(mmapChecks.mmapMemory, system.allocations);
		if (fd === undefined) {
			const pages = pagesOf(length, pageSize);
			const object = system.physical.newObject(pages, "anonymous", pageSize);
			const at = this.memory.map(addr, pages, object, 0, prot);
			if (populate && at >= 0n) this.#populate(at, pages);
			return at;
		}
		const file = this.file(fd);
		if (file === undefined) return reasons.failBig(mmapChecks.notOpen, fd);
		if ((offset & 0xfffn) !== 0n || offset < 0n) return reasons.failBig(mmapChecks.offsetAlignment, offset);
		const pages = pagesOf(length, file instanceof MemfdFile ? file.memory.block : undefined);
		// What is mapped there already is the first thing that Linux refuses.
		const writes = (prot & PROT_WRITE) !== 0 && (addr === 0n || this.memory.isFree(Number(addr >> 12n), pages));
		const backing = file.mmap(Number(offset >> 12n), pages, this, writes);
		if (backing === undefined) return reasons.failBig(mmapChecks.notMappable, file.kind);
		if (typeof backing === "number") return BigInt(backing);
		return this.memory.map(addr, pages, backing.object, backing.page, prot, backing.mayWrite);
	}

	/** Of pages that can be read nothing shows whether they are there, until somebody serves them. */
	#populate(at: bigint, pages: number): void {
		const page = Number(at >> 12n);
		if (this.memory.find(page)?.prot !== 0) this.memory.noteServed(page, pages);
	}

	addSeals(fd: number, seals: number): Ret {
		this.reasons.begin("fcntl");
		return this.file(fd)?.addSeals(this, seals) ?? this.reasons.fail(sealChecks.notOpen, fd);
	}

	truncate(fd: number, length: bigint): Ret {
		this.reasons.begin("ftruncate");
		return this.file(fd)?.truncate(this, length) ?? this.reasons.fail(truncateChecks.notOpen, fd);
	}

	userfaultfd(): Ret {
		const { reasons, system } = this;
		reasons.begin("userfaultfd");
		if (!system.allocation()) return reasons.fail(userfaultfdChecks.userfaultfdMemory, system.allocations);
		this.#serves = true;
		return this.install(new UserfaultFile(this.memory));
	}

	mayWait(): boolean {
		return this.#serves;
	}

	waits(): bigint | undefined {
		return this.reasons.waits;
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
		if (length < 0n || length > LONGEST_FILE) return reasons.fail(memfdChecks.fileLength, length);
		if (pageSize !== undefined && !isHuge(pageSize)) return reasons.fail(memfdChecks.hugePageSize, pageSize);
		if (length % BigInt(pageSize ?? 1) !== 0n) return reasons.fail(memfdChecks.hugeLength, length, pageSize ?? 1);
		if (!system.allocation()) return reasons.fail(memfdChecks.memfdMemory, system.allocations);
		const pages = Number((length + 0xfffn) >> 12n);
		const object = system.physical.newObject(pages, "memfd", pageSize);
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
		this.reasons.waits = undefined;
		return this.#mapped("peek", addr, into.length) ? this.memory.read(addr, into) : this.#notMapped("read", addr, into.length);
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		this.reasons.waits = undefined;
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
		const { waits } = this.reasons;
		this.reasons.begin(call);
		this.reasons.waits = waits;
		return false;
	}

	#notMapped(done: string, addr: bigint, length: number): Ret {
		return this.reasons.fail(peekChecks.notMapped, addr, done, faultAt(this.memory, addr, length, false));
	}
}
