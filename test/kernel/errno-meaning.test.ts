/** Tests of what errnos mean for calls. */
import { describe, expect, it } from "vitest";
import { EEXIST, EINVAL, EMSGSIZE, ENOENT, EOPNOTSUPP, errnoName, errnoNumber, errnoText } from "../../src/kernel/errno.js";
import { meaning } from "../../src/kernel/errno-meaning.js";
import { commandMeanings } from "../../src/kernel/errno-meaning-commands.js";
import { ioctls, vfioDeviceCalls } from "../../structs/index.js";

/** The errnos that a real kernel returned in recorded traces. */
const seen: Record<string, string> = {
	IOMMU_DESTROY: "EBUSY ENOENT EINVAL E2BIG EFAULT",
	IOMMU_FAULT_QUEUE_ALLOC: "ENOTSUP E2BIG EINVAL EFAULT",
	IOMMU_GET_HW_INFO: "ENOTSUP ENOENT EFAULT EINVAL E2BIG",
	IOMMU_HWPT_ALLOC: "ENOTSUP EINVAL ENOENT EIO EADDRINUSE EFAULT E2BIG",
	IOMMU_HWPT_GET_DIRTY_BITMAP: "ENOTSUP EINVAL EOVERFLOW ENOENT EFAULT E2BIG",
	IOMMU_HWPT_INVALIDATE: "EINVAL EIO ENOENT ENOTSUP EFAULT E2BIG ENOMEM",
	IOMMU_HWPT_SET_DIRTY_TRACKING: "ENOTSUP ENOENT EINVAL E2BIG EFAULT",
	IOMMU_HW_QUEUE_ALLOC: "ENOENT ENOTSUP EOVERFLOW EINVAL EIO EFAULT EEXIST ERANGE ENOMEM E2BIG",
	IOMMU_IOAS_ALLOC: "ENOTSUP EINVAL E2BIG EFAULT",
	IOMMU_IOAS_ALLOW_IOVAS: "EINVAL EADDRINUSE ENOENT ENOTSUP EFAULT E2BIG",
	IOMMU_IOAS_CHANGE_PROCESS: "EINVAL ENOTSUP E2BIG EFAULT",
	IOMMU_IOAS_COPY: "ENOENT EINVAL EOVERFLOW EEXIST EPERM ENOTSUP EFAULT E2BIG ENOSPC",
	IOMMU_IOAS_IOVA_RANGES: "EMSGSIZE ENOENT ENOTSUP EFAULT E2BIG EINVAL",
	IOMMU_IOAS_MAP: "EINVAL ENOTSUP ENOENT EEXIST EOVERFLOW EFAULT ENOSPC E2BIG",
	IOMMU_IOAS_MAP_FILE: "EINVAL EEXIST EOVERFLOW ENOSPC",
	IOMMU_IOAS_NOIOMMU_GET_PA: "ENOTSUP ENOENT EINVAL EOVERFLOW EFAULT E2BIG",
	IOMMU_IOAS_UNMAP: "ENOENT EOVERFLOW EINVAL EBUSY E2BIG EFAULT",
	IOMMU_OPTION: "EINVAL ENOTSUP ENOENT EADDRINUSE EBUSY E2BIG EFAULT",
	IOMMU_TEST_CMD: "EINVAL ENOENT ENOTSUP EADDRINUSE EIO EOVERFLOW EBUSY EPERM EFAULT",
	IOMMU_VDEVICE_ALLOC: "ENOENT EEXIST EINVAL ENOTSUP E2BIG EFAULT",
	IOMMU_VEVENTQ_ALLOC: "ENOENT EINVAL ENOTSUP EEXIST EFAULT E2BIG",
	IOMMU_VFIO_IOAS: "ENOENT ENOTSUP ENODEV EINVAL E2BIG EFAULT",
	IOMMU_VIOMMU_ALLOC: "ENOTSUP ENOENT EINVAL EFAULT E2BIG",
	VFIO_CHECK_EXTENSION: "ENODEV",
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: "EINVAL ENOENT EBUSY EADDRINUSE ENOTSUP ENOSPC ENODEV EFAULT ENOTTY",
	VFIO_DEVICE_BIND_IOMMUFD: "EINVAL EPERM EACCES EBUSY EFAULT EBADF EBADFD E2BIG",
	VFIO_DEVICE_DETACH_IOMMUFD_PT: "EINVAL ENOTSUP EFAULT ENOTTY",
	VFIO_DEVICE_GET_INFO: "EINVAL",
	VFIO_GET_API_VERSION: "EINVAL",
	VFIO_IOMMU_GET_INFO: "EINVAL ENODEV",
	VFIO_IOMMU_MAP_DMA: "EINVAL ENODEV EEXIST EOVERFLOW",
	VFIO_IOMMU_UNMAP_DMA: "EINVAL ENODEV EOVERFLOW ENOENT",
	VFIO_SET_IOMMU: "EINVAL ENODEV",
	open: "EBUSY",
	pread: "EINVAL",
	read: "ESPIPE EINVAL",
	write: "EINVAL ESPIPE",
};

const systemCalls = ["open", "read", "write", "pread", "pwrite", "mmap", "close"];

describe("what an errno means", () => {
	it.each(Object.entries(seen))("%s: something better than strerror for %s", (call, names) => {
		for (const name of names.split(" ")) {
			const number = errnoNumber(name) as number;
			expect(meaning(call, number), name).not.toBe(errnoText(number));
		}
	});

	it("is given only for calls that exist", () => {
		const known = new Set([...Object.keys(ioctls), ...[...vfioDeviceCalls.values()].map(({ name }) => name), ...systemCalls]);
		expect(Object.keys(commandMeanings).filter((call) => !known.has(call))).toEqual([]);
	});

	it("is one line of at most 100 characters", () => {
		for (const [call, meanings] of Object.entries(commandMeanings)) {
			for (const [number, text] of Object.entries(meanings ?? {})) {
				expect(text, `${call} ${errnoName(Number(number))}`).toMatch(/^[A-Za-z][^\n]{5,98}[^.\n]$/);
			}
		}
	});

	it("depends on the call", () => {
		expect(meaning("IOMMU_IOAS_MAP", EEXIST)).toContain("overlaps an existing mapping");
		expect(meaning("IOMMU_VDEVICE_ALLOC", EEXIST)).toContain("virt_id");
		expect(meaning("IOMMU_IOAS_IOVA_RANGES", EMSGSIZE)).toContain("num_iovas");
		expect(meaning("IOMMU_IOAS_ALLOC", ENOENT)).toContain("ID is unknown");
		expect(meaning(undefined, EINVAL)).not.toBe(meaning("IOMMU_IOAS_MAP", EINVAL));
	});

	it("falls back on the family, on any call, and on strerror", () => {
		expect(meaning("IOMMU_SOMETHING_NEW", EOPNOTSUPP)).toContain("reserved field");
		expect(meaning("VFIO_SOMETHING", EINVAL)).toContain("argsz");
		expect(meaning("toString", ENOENT)).toBe("No such file or directory");
		expect(meaning(undefined, 113)).toBe("No route to host");
		expect(meaning(undefined, 999)).toBe("Unknown error 999");
	});
});
