/** Open files of the simulated kernel. */
import { EINVAL, ENODEV, ENOTTY } from "../../kernel/errno.js";
import { POLLIN, POLLOUT, type Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "./caller.js";

/** Where read puts bytes, or write takes them from. Offsets in bytes from the start of the caller's buffer. */
export interface UserIo {
	readonly length: number;
	/** its address; undefined: not in the program's own memory, so that copying cannot fail */
	readonly addr?: bigint;
	/** 0 or -EFAULT */
	put(offset: number, bytes: Uint8Array): Ret;
	get(offset: number, into: Uint8Array): Ret;
}

/**
 * An open file. One may stand in several descriptor tables, so references are counted and the
 * last one to go releases it. What a kind of file does not offer answers as Linux does.
 */
export abstract class SimFile {
	#references = 1;
	abstract readonly kind: string;
	/** what keeps a program from reading or writing whatever the buffer is; 0: nothing, `read` or `write` answers */
	readonly readRefusal: Ret = -EINVAL;
	readonly writeRefusal: Ret = -EINVAL;
	/** whether bytes have a place in it; if not, pread and pwrite are -ESPIPE */
	readonly hasOffsets: boolean = true;
	/** the pages that it is made of, where it is memory */
	readonly memory: MemoryObject | undefined = undefined;
	/** it is memory of a device instead, of so many bytes: nothing of it is pinned, and once revoked it cannot be mapped */
	readonly deviceMemory: { readonly length: bigint; readonly revoked: boolean } | undefined = undefined;

	/** how many pages of its memory it fills: what lies partly beyond its end cannot be pinned */
	get wholePages(): number {
		return 0;
	}

	get(): this {
		this.#references++;
		return this;
	}

	put(): void {
		if (--this.#references === 0) this.release();
	}

	ioctl(_process: Caller, _request: number, _arg: UserArg): Ret {
		return -ENOTTY;
	}

	read(_process: Caller, _io: UserIo): Ret {
		return -EINVAL;
	}

	write(_process: Caller, _io: UserIo): Ret {
		return -EINVAL;
	}

	pread(_process: Caller, _io: UserIo, _offset: bigint): Ret {
		return -EINVAL;
	}

	pwrite(_process: Caller, _io: UserIo, _offset: bigint): Ret {
		return -EINVAL;
	}

	/** events ready now; files without a poll of their own are always ready */
	poll(): number {
		return POLLIN | POLLOUT;
	}

	/** A device behind the file does DMA at `iova`, of `length` bytes at `buf` of its own buffer: the IOMMU's records of faults. */
	dma(_dir: "read" | "write", _iova: bigint, _length: number, _buf: number): Uint8Array[] {
		return [];
	}

	/** the memory that a mapping of [offset, offset+pages) shows, or minus the errno; offset in pages */
	mmap(_offset: number, _pages: number): { object: MemoryObject; page: number } | Ret {
		return -ENODEV;
	}

	/** the last reference is gone */
	protected release(): void {}
}
