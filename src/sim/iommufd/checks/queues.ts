/** The checks of fault queues and of the files of queues. */
import { EINVAL, ENXIO, EOPNOTSUPP, ESPIPE } from "../../../kernel/errno.js";
import { bufferChecks, descriptorChecks } from "../../process/checks.js";
import { check, checks } from "../../why/check.js";
import { respondChecks } from "./dispatch.js";

export const faultQueueAllocChecks = checks("uAPI: iommu_fault_alloc", {
	flags: check(EOPNOTSUPP, "flags is {flags:x}", "flags must be 0"),
	descriptor: descriptorChecks,
	respond: respondChecks,
});

/** read of a fault queue's file */
export const faultReadChecks = checks("uAPI: iommu_hwpt_pgfault", {
	faultReadSize: check(ESPIPE, "the buffer has {length} bytes", "the buffer's length must be a multiple of struct iommu_hwpt_pgfault's"),
	faultRoom: check(EINVAL, "the buffer has {length} bytes, and the next group of page requests {needed}", "a group is read as a whole"),
	buffer: bufferChecks,
});

/** write of a fault queue's file */
export const faultWriteChecks = checks("uAPI: iommu_hwpt_page_response", {
	responseSize: check(ESPIPE, "{length} bytes were written", "the length must be a multiple of struct iommu_hwpt_page_response's"),
	buffer: bufferChecks,
	responseCode: check(EINVAL, "code is {code}", "code must be SUCCESS (0) or INVALID (1)"),
	unknownCookie: check(
		EINVAL,
		"no group of page requests waits for an answer with cookie {cookie}",
		"cookie must be that of a group that was read, and it can be answered once",
	),
});

/** What ends page requests without an answer from the file. */
export const abandonChecks = checks("observed on Linux 7.3.4", {
	abandoned: check(
		0,
		"the page requests of {device}'s group {group} were answered INVALID: the device was detached, or its page table replaced",
		"page requests are answered by the page table that the device had when it sent them",
	),
});

/** read of an event queue's file */
export const veventReadChecks = checks("uAPI: iommufd_vevent_header", {
	veventReadSize: check(EINVAL, "the buffer has {length} bytes, less than a header's {size}", "the buffer must have room for an event"),
	veventRoom: check(EINVAL, "the buffer has {length} bytes, and the next event {needed}", "an event is read as a whole"),
	buffer: bufferChecks,
});

/** mmap of /dev/iommu */
export const iommufdMmapChecks = checks("uAPI: iommu_viommu_alloc", {
	notOffered: check(
		ENXIO,
		"no driver offers {pages} pages at page {offset:x} of the file",
		"offset and length must be those that the driver answered when the vIOMMU was made",
	),
});
