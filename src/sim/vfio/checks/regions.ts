/** The checks of reading, writing and mapping a device's regions. */
import { EFAULT, EINVAL, EIO, ENODEV } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";

/** Reading and writing regions of a PCI function. */
export const pciRegionChecks = checks("observed on Linux 7.3.4", {
	configEnd: check(
		EFAULT,
		"{length} bytes at {at:x} end beyond the {size:x} bytes of the configuration space",
		"the range must lie in the region",
	),
	romEnd: check(EINVAL, "offset {at:x} is not in the ROM, which has {size:x} bytes", "the offset must lie in the region"),
	romReadOnly: check(EINVAL, "{device}'s ROM cannot be written", "the region must be writable, as VFIO_DEVICE_GET_REGION_INFO says"),
	noRegion: check(
		EINVAL,
		"region {index} has {size:x} bytes, and the offset is {at:x}",
		"the offset must lie in a region that the device has: region << 40 plus the offset in it",
	),
	memoryOff: check(EIO, "{device} does not answer: memory accesses are off", "bit 1 of the command register must be set"),
});

/** Reading and writing regions of a mediated device. */
export const mdevRegionChecks = checks("simulated kernel", {
	regionEnd: check(
		EFAULT,
		"{length} bytes at {at:x} end beyond region {index}, which has {size:x} bytes",
		"the range must lie in a region that the device has",
	),
});

/** mmap of a PCI function's file */
export const regionMmapChecks = checks("uAPI: vfio_region_info", {
	regionNotMappable: check(
		EINVAL,
		"region {index} of {device} cannot be mapped",
		"the region must have VFIO_REGION_INFO_FLAG_MMAP: a BAR of memory",
	),
	mappingEnd: check(
		EINVAL,
		"{pages} pages from page {page} end beyond region {index}, which has {size} pages",
		"the mapping must lie in the region",
	),
});

/** mmap of the file of a device that software emulates */
export const emulatedMmapChecks = checks("observed on Linux 7.3.4", {
	emulatedMmap: check(
		ENODEV,
		"{device} is emulated in software, and has no region that can be mapped",
		"registers are reached with pread and pwrite",
	),
});

/** mmap of a DMA-buf of a BAR */
export const dmaBufMmapChecks = checks("observed on Linux 7.3.4", {
	dmaBufMmap: check(
		EINVAL,
		"the DMA-buf of a BAR cannot be mapped into a program",
		"the region of the device's file must be mapped instead",
	),
});
