/** Copies the driver-specific structs that a call points to from the caller's memory. */
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import type { Caller } from "../process/caller.js";
import { userDataChecks } from "./checks.js";

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

/** The same where the caller did pass some. */
export interface GivenData extends AllocData {
	readonly data: UserData;
}

export function hasData(from: AllocData): from is GivenData {
	return from.data !== undefined;
}

/**
 * Copy a driver's struct of `size` bytes, of which the caller must pass at least `min`; bytes that it leaves out are zero.
 * -EINVAL for another type or a struct that is too short or too long, -EFAULT.
 */
export function copyUserData(process: Caller, data: UserData, type: number, size: number, min = size): Uint8Array | Ret {
	const { reasons, memory } = process;
	const { length, uptr } = data;
	if (data.type !== type) return reasons.fail(userDataChecks.dataOtherType, data.type, type);
	if (length < min || length > size) return reasons.fail(userDataChecks.dataLength, length, size, min);
	const bytes = new Uint8Array(size);
	if (memory.read(uptr, bytes.subarray(0, length)) < 0)
		return reasons.fail(userDataChecks.dataUnreadable, length, uptr, faultAt(memory, uptr, length, false));
	return bytes;
}
