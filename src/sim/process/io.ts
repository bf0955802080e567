/** The buffers of read and write. */
import type { IoBuffer, Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import type { UserMemory } from "../memory/user-memory.js";
import type { Caller } from "./caller.js";
import { bufferChecks } from "./checks.js";

/** The most bytes that one read or write moves, as in Linux. */
const MAX_RW = 0x7ffff000;

/** Where read stores bytes, or write takes them from. Offsets are in bytes from the start of the caller's buffer. */
export interface UserIo {
	readonly length: number;
	/** the buffer's address; undefined: it is not in the program's memory, so copying cannot fail */
	readonly addr?: bigint;
	/** 0 or -EFAULT; whoever calls this names the check, with `bufferFault` */
	put(offset: number, bytes: Uint8Array): Ret;
	get(offset: number, into: Uint8Array): Ret;
}

/** The buffer of a read or write: one of iommuctl's own, or a range of the caller's memory. */
export function userIo(memory: UserMemory, buffer: IoBuffer): UserIo {
	if (buffer instanceof Uint8Array) {
		return {
			length: buffer.length,
			put: (offset, bytes) => {
				buffer.set(bytes, offset);
				return 0;
			},
			get: (offset, into) => {
				into.set(buffer.subarray(offset, offset + into.length));
				return 0;
			},
		};
	}
	const { addr, length } = buffer;
	return {
		length: Math.min(length, MAX_RW),
		addr,
		put: (offset, bytes) => memory.write(addr + BigInt(offset), bytes),
		get: (offset, into) => memory.read(addr + BigInt(offset), into),
	};
}

/** `length` bytes of the buffer from `offset` could not be copied. `write`: to the buffer. @returns -EFAULT */
export function bufferFault({ memory, reasons }: Caller, { addr = 0n }: UserIo, offset: number, length: number, write: boolean): Ret {
	return reasons.fail(bufferChecks.buffer, write ? "written" : "read", faultAt(memory, addr + BigInt(offset), length, write));
}
