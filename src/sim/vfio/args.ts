/** Access to the structs of VFIO calls. */
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import type { Check } from "../why/check.js";
import { argReadChecks, argWriteChecks, type UNREADABLE } from "./checks/args.js";

/** The first `size` bytes of a call's struct, to read fields from, or -EFAULT where they cannot be read. */
export function readArg(
	{ memory, reasons }: Caller,
	arg: UserArg,
	size: number,
	unreadable: Check<typeof UNREADABLE> = argReadChecks.argUnreadable,
): DataView | Ret {
	const bytes = new Uint8Array(size);
	if (arg.read(0, bytes) < 0) return reasons.fail(unreadable, size, arg.value, faultAt(memory, arg.value, size, false));
	return new DataView(bytes.buffer);
}

/** Write a part of the answer. 0 or -EFAULT. */
export function writeArg({ memory, reasons }: Caller, arg: UserArg, offset: number, bytes: Uint8Array): Ret {
	if (arg.write(offset, bytes) >= 0) return 0;
	const addr = arg.value + BigInt(offset);
	return reasons.fail(argWriteChecks.argNotWritable, addr, faultAt(memory, addr, bytes.length, true));
}

/** Write a 32-bit field back. 0 or -EFAULT. */
export function writeU32(process: Caller, arg: UserArg, offset: number, value: number): Ret {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	return writeArg(process, arg, offset, bytes);
}
