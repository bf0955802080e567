/** Copies the driver-specific structs that a call points to from the caller's memory. */
import { EINVAL } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { argAt } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";

/** A driver's struct, with its type and its length in bytes as the caller passed them. */
export interface UserData {
	readonly type: number;
	readonly uptr: bigint;
	readonly length: number;
}

/** The driver's data that a caller passed with an allocation. */
export interface AllocData {
	readonly process: Caller;
	readonly data: UserData | undefined;
}

/**
 * Copy a driver's struct of `size` bytes, of which the caller must pass at least `min`.
 * -EINVAL for another type or a struct that is too short or too long, -EFAULT.
 */
export function copyUserData(process: Caller, data: UserData, type: number, size: number, min: number): Uint8Array | Ret {
	if (data.type !== type || data.length < min || data.length > size) return -EINVAL;
	return copyStruct(process, data.uptr, data.length, size);
}

/** Copy a struct that has `size` bytes to the kernel and `length` to the caller. -E2BIG, -EFAULT. */
export function copyStruct(process: Caller, uptr: bigint, length: number, size: number): Uint8Array | Ret {
	const bytes = new Uint8Array(size);
	const { memory } = process;
	if (length > size) {
		const rest = argAt(memory, uptr).checkZero(size, length - size);
		if (rest < 0) return rest;
	}
	const rc = memory.read(uptr, bytes.subarray(0, Math.min(length, size)));
	return rc < 0 ? rc : bytes;
}
