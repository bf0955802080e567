/** Makes a call with a struct and keeps its bytes from before and after. */
import type { Ioctl } from "../../structs/index.js";
import type { Kernel } from "../kernel/kernel.js";
import { explains, type Why } from "../kernel/why.js";

/** How a call was answered. */
export interface Answer<T = Record<string, unknown>> {
	readonly ioctl: Ioctl;
	/** 0 or more, or -1 */
	readonly ret: number;
	/** 0 where it succeeded */
	readonly errno: number;
	/** the struct's bytes as sent, and as the kernel left them */
	readonly before: Uint8Array;
	readonly after: Uint8Array;
	/** the check that it did not pass, where the kernel can tell */
	readonly why?: Why;
	/** what the call did that the answer does not show, where the kernel can tell */
	readonly noted?: readonly Why[];
	/** of `after` */
	readonly decoded: T;
}

/** Makes a call with a struct's bytes as given. */
export function callWithBytes<T>(kernel: Kernel, fd: number, ioctl: Ioctl, before: Uint8Array): Answer<T> {
	// A copy whatever it is: slice() of a Buffer is the same memory.
	const after = new Uint8Array(before);
	const ret = kernel.ioctl(fd, ioctl.request, after);
	return {
		ioctl,
		ret: ret < 0 ? -1 : ret,
		errno: ret < 0 ? -ret : 0,
		before,
		after,
		...(explains(kernel) && { why: ret < 0 ? kernel.why(ret) : undefined, noted: kernel.notes() }),
		get decoded(): T {
			return ioctl.struct?.decode(after) as T;
		},
	};
}
