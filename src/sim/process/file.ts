/** Open files of the simulated kernel. */
import { EINVAL, ENODEV, ENOTTY, ESPIPE } from "../../kernel/errno.js";
import { POLLIN, POLLOUT, type Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "./caller.js";

/** Where read puts bytes, or write takes them from. Offsets in bytes from the start of the caller's buffer. */
export interface UserIo {
	readonly length: number;
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
		return -ESPIPE;
	}

	pwrite(_process: Caller, _io: UserIo, _offset: bigint): Ret {
		return -ESPIPE;
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
