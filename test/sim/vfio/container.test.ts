/** Tests VFIO's container file, which is iommufd's own by another name. */
import { expect, test } from "vitest";
import { createSim } from "../../../src/sim/index.js";
import { ioctls, iommu_ioas_alloc } from "../../../structs/index.js";

test("/dev/vfio/vfio opens a context, on a machine without devices too", () => {
	const kernel = createSim().newProcess();
	const fd = kernel.open("/dev/vfio/vfio");
	expect(fd).toBeGreaterThan(0);
	expect(kernel.ioctl(fd, ioctls.VFIO_GET_API_VERSION.request, 0n)).toBe(0);
	expect(kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, iommu_ioas_alloc.encode({ size: 12 }))).toBe(0);
});
