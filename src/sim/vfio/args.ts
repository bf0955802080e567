/** Access to the structs of VFIO calls. */
import { EFAULT } from "../../kernel/errno.js";
import type { UserArg } from "../memory/user-arg.js";

/** The first `size` bytes of a call's struct, to read fields from; undefined where they cannot be read (-EFAULT). */
export function readArg(arg: UserArg, size: number): DataView | undefined {
	const bytes = new Uint8Array(size);
	return arg.read(0, bytes) < 0 ? undefined : new DataView(bytes.buffer);
}

/** Write a 32-bit field back. 0 or -EFAULT. */
export function writeU32(arg: UserArg, offset: number, value: number): number {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	return arg.write(offset, bytes) < 0 ? -EFAULT : 0;
}
