/** Files that are memory. */
import { EFAULT } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { type MemoryObject, PAGE_SIZE } from "../memory/memory-object.js";
import type { Caller } from "./caller.js";
import { SimFile, type UserIo } from "./file.js";

/** A memfd: a file of pages. Its length is set once, when it is made. */
export class MemfdFile extends SimFile {
	readonly kind = "memfd";
	#position = 0n;

	constructor(
		readonly object: MemoryObject,
		/** bytes */
		readonly length: bigint,
	) {
		super();
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

	override pread(_process: Caller, io: UserIo, offset: bigint): Ret {
		return this.#copy(offset, io.length, (page, at, done, bytes) => {
			this.object.readAt(page, at, bytes, 0, bytes.length);
			return io.put(done, bytes);
		});
	}

	override pwrite(_process: Caller, io: UserIo, offset: bigint): Ret {
		return this.#copy(offset, io.length, (page, at, done, bytes) => {
			const rc = io.get(done, bytes);
			if (rc === 0) this.object.writeAt(page, at, bytes, 0, bytes.length);
			return rc;
		});
	}

	override mmap(offset: number, _pages: number): { object: MemoryObject; page: number } {
		return { object: this.object, page: offset };
	}

	#copy(offset: bigint, length: number, move: (page: number, at: number, done: number, bytes: Uint8Array) => Ret): Ret {
		const left = this.length - offset;
		const page = new Uint8Array(PAGE_SIZE);
		const total = left <= 0n ? 0 : left < BigInt(length) ? Number(left) : length;
		for (let done = 0; done < total; ) {
			const position = offset + BigInt(done);
			const at = Number(position & 0xfffn);
			const count = Math.min(PAGE_SIZE - at, total - done);
			if (move(Number(position >> 12n), at, done, page.subarray(0, count)) < 0) return done > 0 ? done : -EFAULT;
			done += count;
		}
		return total;
	}
}
