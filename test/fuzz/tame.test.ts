// What programs may pass to a kernel so that every process answers alike.
import { expect, test } from "vitest";
import { tamed } from "../../src/fuzz/tame.js";
import { EFAULT } from "../../src/kernel/errno.js";
import { createSim } from "../../src/sim/index.js";
import { ioctls } from "../../structs/index.js";

test("a struct that ends in the middle of a file's number is not passed on; one that ends before or behind it is", () => {
	const process = createSim().newProcess();
	const kernel = tamed(process, () => true);
	const fd = kernel.open("/dev/iommu");
	const { request, size } = ioctls.IOMMU_FAULT_QUEUE_ALLOC;
	const made = (length: number): number => {
		const bytes = new Uint8Array(length);
		new DataView(bytes.buffer).setUint32(0, size, true);
		return kernel.ioctl(fd, request, bytes);
	};
	// size, flags, out_fault_id, out_fault_fd
	expect([8, 12, 13, 14, 15, 16].map(made)).toEqual([0, 0, -EFAULT, -EFAULT, -EFAULT, 0]);
});
