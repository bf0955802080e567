/** Finds out which calls a kernel has. */
import { type Ioctl, iommu_test_cmd } from "../../../structs/index.js";
import { ENOTTY } from "../../kernel/errno.js";
import type { Kernel } from "../../kernel/kernel.js";

/**
 * Whether a kernel knows a call, found without doing anything: a struct that says it has 0 bytes is refused by the
 * call itself (EINVAL) where the call is known, and before it (ENOTTY) where it is not.
 */
export function knows(kernel: Kernel, fd: number, call: Ioctl): boolean {
	return kernel.ioctl(fd, call.request, new Uint8Array(Math.max(call.size, iommu_test_cmd.size))) !== -ENOTTY;
}
