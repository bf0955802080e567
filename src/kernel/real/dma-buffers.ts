/** Finds the open DMA buffers of this process. */
// IOMMU_TEST_OP_DMABUF_GET of Linux 7.3 opens one and returns 0 instead of its descriptor: comparing the open buffers
// before and after the call finds it.
import { ioctls, iommu_test_cmd, iommu_test_op } from "../../../structs/index.js";
import type { IoctlArg } from "../kernel.js";
import { openFiles } from "./open-files.js";

/** Their descriptors, lowest first; none if /proc is not mounted. */
export function openDmaBuffers(root?: string): number[] {
	return openFiles((name) => name.startsWith("/dmabuf:"), root).map(({ fd }) => fd);
}

/** Whether this is the call that opens a DMA buffer. */
export function getsDmaBuffer(request: number, arg: IoctlArg): boolean {
	if (request !== ioctls.IOMMU_TEST_CMD.request || typeof arg === "bigint" || arg.length < 8) return false;
	const op = new DataView(arg.buffer, arg.byteOffset).getUint32(iommu_test_cmd.offsets.op as number, true);
	return op === iommu_test_op.IOMMU_TEST_OP_DMABUF_GET;
}
