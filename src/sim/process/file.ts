/** The base class of the simulated kernel's open files. */
import { EINVAL, ENODEV, ENOTTY } from "../../kernel/errno.js";
import { POLLIN, POLLOUT, type Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "./caller.js";

/** Where read stores bytes, or write takes them from. Offsets are in bytes from the start of the caller's buffer. */
export interface UserIo {
	readonly length: number;
	/** the buffer's address; undefined: it is not in the program's memory, so copying cannot fail */
	readonly addr?: bigint;
	/** 0 or -EFAULT */
	put(offset: number, bytes: Uint8Array): Ret;
	get(offset: number, into: Uint8Array): Ret;
}

/**
 * An open file. It may be in several descriptor tables, so references are counted and dropping the last one releases
 * it. Operations that a kind of file does not support fail as on Linux.
 */
export abstract class SimFile {
	#references = 1;
	abstract readonly kind: string;
	/** errno of reading or writing, whatever the buffer; 0: `read` or `write` answers */
	readonly readRefusal: Ret = -EINVAL;
	readonly writeRefusal: Ret = -EINVAL;
	/** whether its bytes have offsets; if not, pread and pwrite are -ESPIPE */
	readonly hasOffsets: boolean = true;
	/** its pages, if the file is memory */
	readonly memory: MemoryObject | undefined = undefined;
	/** for device memory: its length in bytes. It is not pinned, and cannot be mapped once revoked */
	readonly deviceMemory: { readonly length: bigint; readonly revoked: boolean } | undefined = undefined;

	/** number of pages that lie completely within the file; others cannot be pinned */
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

	/** The device behind the file does DMA of `length` bytes at `iova`, from or to `buf` in its own buffer. Returns the IOMMU's fault records. */
	dma(_dir: "read" | "write", _iova: bigint, _length: number, _buf: number): Uint8Array[] {
		return [];
	}

	/** the memory to map at [offset, offset+pages), in pages, or minus the errno */
	mmap(_offset: number, _pages: number): { object: MemoryObject; page: number } | Ret {
		return -ENODEV;
	}

	/** called when the last reference is dropped */
	protected release(): void {}
}
