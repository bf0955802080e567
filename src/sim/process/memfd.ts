/** A memfd: a file of pages. Writing beyond its end extends it. */
import type { Ret } from "../../kernel/kernel.js";
import { type LocalObject, type MemoryObject, PAGE_SIZE } from "../memory/memory-object.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { Caller } from "./caller.js";
import { SimFile } from "./file.js";
import { bufferFault, type UserIo } from "./io.js";

export class MemfdFile extends SimFile {
	readonly kind = "memfd";
	override readonly canRead = true;
	override readonly canWrite = true;
	#position = 0n;

	constructor(
		override readonly memory: LocalObject,
		/** bytes */
		public length: bigint,
		readonly physical: PhysicalMemory,
	) {
		super();
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
		return move(process, false, offset, io, offset + BigInt(io.length), (page, at, done, bytes) => {
			const rc = io.get(done, bytes);
			// The file is extended up to the offset even if nothing can be copied.
			this.#reach((BigInt(page) << 12n) + BigInt(rc < 0 ? at : at + bytes.length));
			if (rc === 0) this.memory.writeAt(page, at, bytes, 0, bytes.length);
			return rc;
		});
	}

	override mmap(offset: number, _pages: number): { object: MemoryObject; page: number } {
		return { object: this.memory, page: offset };
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
