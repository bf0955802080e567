/** A memfd: a file of pages, which can be sealed. Writing beyond its end extends it. */
import { F_SEAL_EXEC, F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, type Ret } from "../../kernel/kernel.js";
import { type LocalObject, PAGE_SIZE } from "../memory/memory-object.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { Caller } from "./caller.js";
import { memfdMapChecks, memfdWriteChecks, sealChecks, truncateChecks } from "./checks.js";
import { type Mappable, SimFile } from "./file.js";
import { bufferFault, type UserIo } from "./io.js";

/** The longest file, bytes. */
export const LONGEST_FILE = 1n << 62n;
const UNWRITABLE = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
const names = ["SEAL", "SHRINK", "GROW", "WRITE", "FUTURE_WRITE", "EXEC"];
const ALL = (1 << names.length) - 1;

export class MemfdFile extends SimFile {
	readonly kind = "memfd";
	override readonly canRead = true;
	override readonly canWrite = true;
	#position = 0n;
	#seals = 0;
	/** shared mappings, in all processes */
	#mappings = 0;

	constructor(
		override readonly memory: LocalObject,
		/** bytes */
		public length: bigint,
		readonly physical: PhysicalMemory,
	) {
		super();
		memory.onMapping = (change) => {
			this.#mappings += change;
		};
	}

	override get wholePages(): number {
		return Number(this.length >> 12n);
	}

	override read(process: Caller, io: UserIo): Ret {
		const done = this.pread(process, io, this.#position);
		if (done > 0) this.#position += BigInt(done);
		return done;
	}

	override write(process: Caller, io: UserIo): Ret {
		const done = this.pwrite(process, io, this.#position);
		if (done > 0) this.#position += BigInt(done);
		return done;
	}

	override pread(process: Caller, io: UserIo, offset: bigint): Ret {
		return move(process, true, offset, io, this.length, (page, at, done, bytes) => {
			this.memory.readAt(page, at, bytes, 0, bytes.length);
			return io.put(done, bytes);
		});
	}

	override pwrite(process: Caller, io: UserIo, offset: bigint): Ret {
		const { reasons } = process;
		if (this.memory.block !== undefined) return reasons.fail(memfdWriteChecks.hugeWrite);
		if (io.length > 0 && this.#has(UNWRITABLE)) return reasons.fail(memfdWriteChecks.writeSealed, this.#sealed);
		const end = offset + BigInt(io.length);
		if (io.length > 0 && end > this.length && this.#has(F_SEAL_GROW)) return reasons.fail(memfdWriteChecks.growSealed, this.#sealed);
		return move(process, false, offset, io, offset + BigInt(io.length), (page, at, done, bytes) => {
			const rc = io.get(done, bytes);
			// The file is extended up to the offset even if nothing can be copied.
			this.#reach((BigInt(page) << 12n) + BigInt(rc < 0 ? at : at + bytes.length));
			if (rc === 0) this.memory.writeAt(page, at, bytes, 0, bytes.length);
			return rc;
		});
	}

	override mmap(offset: number, _pages: number, caller?: Caller, write = true): Mappable | Ret {
		const { block } = this.memory;
		const sealed = this.#has(UNWRITABLE);
		const at = BigInt(offset) << 12n;
		if (caller !== undefined && block !== undefined && at % BigInt(block) !== 0n)
			return caller.reasons.fail(memfdMapChecks.hugeOffset, at, BigInt(block));
		if (caller !== undefined && sealed && write) return caller.reasons.fail(memfdMapChecks.sealed, this.#sealed);
		return { object: this.memory, page: offset, mayWrite: !sealed };
	}

	override addSeals({ reasons, memory }: Caller, given: number): Ret {
		// A memory file is executable, which it keeps with EXEC: so nothing of it may change.
		const seals = (given & F_SEAL_EXEC) === 0 ? given : given | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
		if ((seals & ~ALL) !== 0) return reasons.fail(sealChecks.unknownSeal, seals);
		if (this.#has(F_SEAL_SEAL)) return reasons.fail(sealChecks.sealed);
		if ((seals & F_SEAL_WRITE) !== 0 && !this.#has(F_SEAL_WRITE)) {
			// A mapping that was made after a seal against writing never writes.
			const writing = this.#mappings - (memory.mappingsThatCannotWrite?.(this.memory) ?? 0);
			if (writing > 0) return reasons.fail(sealChecks.mapped, writing);
			// What was cut off is the file's no more.
			const { pages, pins } = this.memory;
			if (pins.firstOther(0, pages, 0) < pages) return reasons.fail(sealChecks.pinned);
		}
		this.#seals |= seals;
		return 0;
	}

	override truncate({ reasons }: Caller, length: bigint): Ret {
		const { memory } = this;
		if (length < 0n || length > LONGEST_FILE) return reasons.fail(truncateChecks.fileLength, length);
		const block = BigInt(memory.block ?? 1);
		if (length % block !== 0n) return reasons.fail(truncateChecks.hugeLength, length, block);
		if (length < this.length && this.#has(F_SEAL_SHRINK)) return reasons.fail(truncateChecks.shrinkSealed, this.#sealed);
		if (length > this.length && this.#has(F_SEAL_GROW)) return reasons.fail(truncateChecks.growSealed, this.#sealed);
		if (length >= this.length) this.#reach(length);
		else {
			const pages = Number((length + 0xfffn) >> 12n);
			const rest = Number(length & 0xfffn);
			// What lies behind the end is zero when the file grows again.
			if (rest > 0) memory.clearAt(pages - 1, rest, PAGE_SIZE - rest);
			memory.shrink(pages);
			this.length = length;
		}
		return 0;
	}

	#has(seals: number): boolean {
		return (this.#seals & seals) !== 0;
	}

	/** The names of its seals. */
	get #sealed(): string {
		return names.filter((_, bit) => (this.#seals >> bit) & 1).join(", ");
	}

	/** Extend the file to at least this length. */
	#reach(length: bigint): void {
		if (length <= this.length) return;
		this.length = length;
		this.physical.extend(this.memory, Number((length + 0xfffn) >> 12n));
	}
}

/**
 * Copy up to `end` in pieces, each within one page of the file and one of the caller's. `write`: to the caller's buffer.
 * The number of copied bytes, or -EFAULT if there are none.
 */
function move(
	process: Caller,
	write: boolean,
	offset: bigint,
	io: UserIo,
	end: bigint,
	piece: (page: number, at: number, done: number, bytes: Uint8Array) => Ret,
): Ret {
	const left = end - offset;
	const total = left <= 0n ? 0 : left < BigInt(io.length) ? Number(left) : io.length;
	const bytes = new Uint8Array(Math.min(PAGE_SIZE, total));
	for (let done = 0; done < total; ) {
		const position = offset + BigInt(done);
		const at = Number(position & 0xfffn);
		let count = Math.min(PAGE_SIZE - at, total - done);
		if (io.addr !== undefined) count = Math.min(count, PAGE_SIZE - Number((io.addr + BigInt(done)) & 0xfffn));
		if (piece(Number(position >> 12n), at, done, bytes.subarray(0, count)) < 0)
			return done > 0 ? done : bufferFault(process, io, done, count, write);
		done += count;
	}
	return total;
}
