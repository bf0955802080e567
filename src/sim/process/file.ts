/** The base class of the simulated kernel's open files. */
import { POLLIN, POLLOUT, type Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "./caller.js";
import { ioChecks, ioctlChecks, sealChecks, truncateChecks } from "./checks.js";
import type { EventFile } from "./event-file.js";
import type { UserIo } from "./io.js";

export type { UserIo } from "./io.js";

/** Memory of a device that a file stands for. */
export interface DeviceMemory {
	/** bytes */
	readonly length: bigint;
	readonly revoked: boolean;
	/** how many ranges of the device's memory it has; absent: one */
	readonly ranges?: number;
	/** where DMA to one of its pages arrives; absent: nowhere */
	page?(index: number): { readonly object: MemoryObject; readonly page: number } | undefined;
}

/** What a file gives to map. */
export interface Mappable {
	readonly object: MemoryObject;
	readonly page: number;
	readonly mayWrite?: boolean;
}

/**
 * An open file. It may be in several descriptor tables, so references are counted and dropping the last one releases
 * it. Operations that a kind of file does not support fail as on Linux.
 */
export abstract class SimFile {
	#references = 1;
	abstract readonly kind: string;
	/** whether it was opened for reading, and for writing; if not, that is EBADF */
	readonly openForRead: boolean = true;
	readonly openForWrite: boolean = true;
	/** whether its kind has `read` and `pread`, and `write` and `pwrite`; if not, that is EINVAL whatever the buffer */
	readonly canRead: boolean = false;
	readonly canWrite: boolean = false;
	/** whether its bytes have offsets; if not, pread and pwrite are ESPIPE */
	readonly hasOffsets: boolean = true;
	/** its pages, if the file is memory */
	readonly memory: MemoryObject | undefined = undefined;
	/** what the kernel signals, if the file is an eventfd */
	readonly event: EventFile | undefined = undefined;
	/** for device memory: its length in bytes. It is not pinned, and cannot be mapped once revoked */
	readonly deviceMemory: DeviceMemory | undefined = undefined;

	/** Seals it (F_ADD_SEALS). */
	addSeals({ reasons }: Caller, _seals: number): Ret {
		return reasons.fail(sealChecks.notMemory, this.kind);
	}

	/** Gives it another length, in bytes. */
	truncate({ reasons }: Caller, _length: bigint): Ret {
		return reasons.fail(truncateChecks.notMemory, this.kind);
	}

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

	ioctl({ reasons }: Caller, _request: number, _arg: UserArg): Ret {
		return reasons.fail(ioctlChecks.noIoctls, this.kind);
	}

	read({ reasons }: Caller, _io: UserIo): Ret {
		return reasons.fail(ioChecks.noIo, this.kind, "reads");
	}

	write({ reasons }: Caller, _io: UserIo): Ret {
		return reasons.fail(ioChecks.noIo, this.kind, "writes");
	}

	pread({ reasons }: Caller, _io: UserIo, _offset: bigint): Ret {
		return reasons.fail(ioChecks.noIo, this.kind, "reads");
	}

	pwrite({ reasons }: Caller, _io: UserIo, _offset: bigint): Ret {
		return reasons.fail(ioChecks.noIo, this.kind, "writes");
	}

	/** events ready now; files without a poll of their own are always ready */
	poll(): number {
		return POLLIN | POLLOUT;
	}

	/** The records that reads return next, `most` of them at most, of a file whose reads return records. */
	peek(_most: number): Uint8Array[] {
		return [];
	}

	/** The device behind the file does DMA of `length` bytes at `iova`, from or to `buf` in its own buffer. Returns the IOMMU's fault records. */
	dma(_dir: "read" | "write", _iova: bigint, _length: number, _buf: number): Uint8Array[] {
		return [];
	}

	/**
	 * the memory to map at [offset, offset+pages), in pages, or minus the errno; undefined: its kind cannot be mapped.
	 * `caller` asks, who wants to write or not; `mayWrite` false: nor may anybody later
	 */
	mmap(_offset: number, _pages: number, _caller?: Caller, _write?: boolean): Mappable | Ret | undefined {
		return undefined;
	}

	/** called when the last reference is dropped */
	protected release(): void {}
}
