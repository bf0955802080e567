/** The checks of each call on /dev/iommu, and on the files that its calls make, in the order in which the kernel makes them. */
import { type CommandName, ioctls } from "../../../structs/index.js";
import { pageRequestChecks } from "../contract/checks.js";
import { dmaChecks } from "../contract/dma-notes.js";
import { type Group, hook } from "../why/check.js";
import { destroyChecks, dispatchChecks, memoryChecks, respondChecks, unknownCommandChecks } from "./checks/dispatch.js";
import * as hwpt from "./checks/hwpt.js";
import * as ioas from "./checks/ioas.js";
import { optionChecks, vfioIoasChecks } from "./checks/option.js";
import * as queues from "./checks/queues.js";
import * as compat from "./checks/vfio-compat.js";
import * as viommu from "./checks/viommu.js";
import { allocates } from "./dispatch.js";
import type { CompatName } from "./vfio-compat.js";

/** A command's checks: those before its handler, its own, and with `respond` writing the answer last. */
function command(name: CommandName, own: Group, respond = false): Group {
	return {
		dispatch: dispatchChecks,
		...(allocates(ioctls[name]) && { memory: memoryChecks }),
		own,
		...(respond && { respond: respondChecks }),
	};
}

/** iommufd's commands. */
export const commandContract = {
	IOMMU_DESTROY: command("IOMMU_DESTROY", destroyChecks),
	IOMMU_IOAS_ALLOC: command("IOMMU_IOAS_ALLOC", ioas.ioasAllocChecks, true),
	IOMMU_IOAS_ALLOW_IOVAS: command("IOMMU_IOAS_ALLOW_IOVAS", ioas.allowIovasChecks),
	IOMMU_IOAS_COPY: command("IOMMU_IOAS_COPY", ioas.ioasCopyChecks, true),
	IOMMU_IOAS_IOVA_RANGES: command("IOMMU_IOAS_IOVA_RANGES", ioas.iovaRangesChecks),
	IOMMU_IOAS_MAP: command("IOMMU_IOAS_MAP", ioas.ioasMapChecks, true),
	IOMMU_IOAS_MAP_FILE: command("IOMMU_IOAS_MAP_FILE", ioas.ioasMapFileChecks, true),
	IOMMU_IOAS_UNMAP: command("IOMMU_IOAS_UNMAP", ioas.ioasUnmapChecks, true),
	IOMMU_IOAS_CHANGE_PROCESS: command("IOMMU_IOAS_CHANGE_PROCESS", ioas.changeProcessChecks),
	IOMMU_IOAS_NOIOMMU_GET_PA: command("IOMMU_IOAS_NOIOMMU_GET_PA", ioas.noiommuGetPaChecks, true),
	IOMMU_OPTION: command("IOMMU_OPTION", optionChecks),
	IOMMU_VFIO_IOAS: command("IOMMU_VFIO_IOAS", vfioIoasChecks),
	IOMMU_HWPT_ALLOC: command("IOMMU_HWPT_ALLOC", hwpt.hwptAllocChecks),
	IOMMU_HWPT_INVALIDATE: command("IOMMU_HWPT_INVALIDATE", hwpt.hwptInvalidateChecks),
	IOMMU_HWPT_SET_DIRTY_TRACKING: command("IOMMU_HWPT_SET_DIRTY_TRACKING", hwpt.setDirtyTrackingChecks),
	IOMMU_HWPT_GET_DIRTY_BITMAP: command("IOMMU_HWPT_GET_DIRTY_BITMAP", hwpt.getDirtyBitmapChecks),
	IOMMU_GET_HW_INFO: command("IOMMU_GET_HW_INFO", hwpt.getHwInfoChecks),
	IOMMU_FAULT_QUEUE_ALLOC: command("IOMMU_FAULT_QUEUE_ALLOC", queues.faultQueueAllocChecks),
	IOMMU_VIOMMU_ALLOC: command("IOMMU_VIOMMU_ALLOC", viommu.viommuAllocChecks),
	IOMMU_VDEVICE_ALLOC: command("IOMMU_VDEVICE_ALLOC", viommu.vdeviceAllocChecks),
	IOMMU_VEVENTQ_ALLOC: command("IOMMU_VEVENTQ_ALLOC", viommu.veventqAllocChecks),
	IOMMU_HW_QUEUE_ALLOC: command("IOMMU_HW_QUEUE_ALLOC", viommu.hwQueueAllocChecks),
} satisfies Record<CommandName, Group>;

/** VFIO's container calls. */
export const compatContract = {
	VFIO_GET_API_VERSION: {},
	VFIO_CHECK_EXTENSION: compat.checkExtensionChecks,
	VFIO_SET_IOMMU: compat.setIommuChecks,
	VFIO_IOMMU_GET_INFO: compat.getInfoChecks,
	VFIO_IOMMU_MAP_DMA: compat.mapDmaChecks,
	VFIO_IOMMU_UNMAP_DMA: compat.unmapDmaChecks,
} satisfies Record<CompatName, Group>;

/** Requests that are no commands, and system calls on /dev/iommu and on the files of queues; a program's own checks come first. */
export const fileContract = {
	ioctl: { iommufd: unknownCommandChecks },
	read: { fault: queues.faultReadChecks, vevent: queues.veventReadChecks },
	write: { fault: queues.faultWriteChecks },
	mmap: { iommufd: queues.iommufdMmapChecks },
} satisfies Record<string, Group>;

/** What happens to DMA, page requests and events in any call that makes a device act: notes, not errnos. */
export const deviceNotes = {
	dma: dmaChecks,
	request: pageRequestChecks,
	abandoned: queues.abandonChecks,
	event: viommu.eventChecks,
	driver: hook("notes"),
} satisfies Group;
