/** Tests of finding the file of a DMA buffer that the kernel opens without returning its descriptor. */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { getsDmaBuffer, openDmaBuffers } from "../../../src/kernel/real/dma-buffers.js";
import { ioctls, iommu_test_cmd, iommu_test_op as OP } from "../../../structs/index.js";
import { onReal } from "../../sim/kernel-under-test.js";
import { program, tempDir } from "./support.js";

const request = ioctls.IOMMU_TEST_CMD.request;
const get = (op: number) => iommu_test_cmd.encode({ size: iommu_test_cmd.size, op, dmabuf_get: { length: 65536 } } as never);

describe("DMA buffers", () => {
	it("are recognized by their links", () => {
		const root = tempDir();
		for (const [fd, link] of Object.entries({ 20: "/dmabuf:", 3: "/dev/iommu", 9: "/dmabuf:some name", 11: "pipe:[3]" }))
			symlinkSync(link, join(root, fd));
		expect(openDmaBuffers(root)).toEqual([9, 20]);
		expect(openDmaBuffers(join(root, "absent"))).toEqual([]);
	});

	it("are looked for only after their own call", () => {
		expect(getsDmaBuffer(request, get(OP.IOMMU_TEST_OP_DMABUF_GET))).toBe(true);
		expect(getsDmaBuffer(request, get(OP.IOMMU_TEST_OP_DMABUF_REVOKE))).toBe(false);
		expect(getsDmaBuffer(ioctls.IOMMU_DESTROY.request, get(OP.IOMMU_TEST_OP_DMABUF_GET))).toBe(false);
		expect(getsDmaBuffer(request, 0x1000n)).toBe(false);
	});

	it.runIf(onReal)("are closed when the program ends", () => {
		const kernel = program();
		const fd = kernel.open("/dev/iommu");
		expect(kernel.ioctl(fd, request, get(OP.IOMMU_TEST_OP_DMABUF_GET))).toBe(0);
		expect(openDmaBuffers()).toHaveLength(1);
		kernel.exit();
		expect(openDmaBuffers()).toEqual([]);
	});
});
