/** Gives the kernel access to the argument of an ioctl. */
import { E2BIG } from "../../kernel/errno.js";
import type { IoctlArg, Ret } from "../../kernel/kernel.js";
import { PAGE_SIZE } from "./memory-object.js";
import type { UserMemory } from "./user-memory.js";

/** An ioctl's argument in the caller's memory, as the kernel sees it. */
export interface UserArg {
	/** Copy `into.length` bytes from `offset`. 0 or -EFAULT. */
	read(offset: number, into: Uint8Array): Ret;
	write(offset: number, from: Uint8Array): Ret;
	/** 0 if [offset, offset+length) is all zero, -E2BIG at a byte that is not, -EFAULT at a bad page. */
	checkZero(offset: number, length: number): Ret;
	/** the raw value: an address or an integer */
	readonly value: bigint;
}

/**
 * Bytes that the program placed "anywhere": at the start of a page. They are followed by zeroes up to the end of the
 * page, and then by bytes that are not zero.
 */
class PlacedArg implements UserArg {
	constructor(readonly bytes: Uint8Array) {}

	/** bytes up to here that the program did not place are zero */
	get #zeroes(): number {
		return Math.max(Math.ceil(this.bytes.length / PAGE_SIZE), 1) * PAGE_SIZE;
	}

	get value(): bigint {
		return 0x7ffe00000000n;
	}

	read(offset: number, into: Uint8Array): Ret {
		const { bytes } = this;
		const placed = Math.max(0, Math.min(into.length, bytes.length - offset));
		for (let i = 0; i < placed; i++) into[i] = bytes[offset + i];
		for (let i = placed; i < into.length; i++) into[i] = offset + i < this.#zeroes ? 0 : 0xff;
		return 0;
	}

	checkZero(offset: number, length: number): Ret {
		const { bytes } = this;
		for (let i = offset; i < Math.min(offset + length, bytes.length); i++) if (bytes[i] !== 0) return -E2BIG;
		return offset + length > this.#zeroes ? -E2BIG : 0;
	}

	write(offset: number, from: Uint8Array): Ret {
		const { bytes } = this;
		const count = Math.min(from.length, bytes.length - offset);
		for (let i = 0; i < count; i++) bytes[offset + i] = from[i];
		return 0;
	}
}

class AddressArg implements UserArg {
	constructor(
		readonly memory: UserMemory,
		readonly value: bigint,
	) {}

	read(offset: number, into: Uint8Array): Ret {
		return this.memory.read(this.value + BigInt(offset), into);
	}

	checkZero(offset: number, length: number): Ret {
		let dirty = false;
		const rc = this.memory.scan(this.value + BigInt(offset), length, (_, bytes) => {
			dirty = bytes.some((byte) => byte !== 0);
			return dirty;
		});
		return dirty ? -E2BIG : rc;
	}

	write(offset: number, from: Uint8Array): Ret {
		return this.memory.write(this.value + BigInt(offset), from);
	}
}

/** The argument at an address. */
export function argAt(memory: UserMemory, addr: bigint): UserArg {
	return new AddressArg(memory, addr);
}

export function userArg(memory: UserMemory, arg: IoctlArg): UserArg {
	return typeof arg === "bigint" ? new AddressArg(memory, BigInt.asUintN(64, arg)) : new PlacedArg(arg);
}
