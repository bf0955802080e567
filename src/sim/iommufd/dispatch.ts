import { type Ioctl, ioctls } from "../../../structs/index.js";
import { EINVAL, ENOTTY } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { UserArg } from "../memory/user-arg.js";
import type { SimProcess } from "../process.js";
import { Command } from "./command.js";
import type { IommufdContext } from "./context.js";
import { getDirtyBitmap, setDirtyTracking } from "./dirty-calls.js";
import { faultQueueAlloc } from "./fault-queue.js";
import { getHwInfo } from "./hw-info-call.js";
import { hwQueueAlloc } from "./hw-queue.js";
import { hwptAlloc } from "./hwpt-alloc.js";
import { hwptInvalidate } from "./invalidate-call.js";
import * as ioas from "./ioas-calls.js";
import { option, vfioIoas } from "./option-calls.js";
import { veventqAlloc } from "./vevent-queue.js";
import { vdeviceAlloc, viommuAlloc } from "./viommu.js";

export type Handler = (command: Command) => Ret;

export interface Call {
	readonly ioctl: Ioctl;
	readonly handler: Handler;
}

/** Commands that start here; below are VFIO's. */
const FIRST_NR = 0x80;

const calls: Call[] = [
	{ ioctl: ioctls.IOMMU_DESTROY, handler: (command) => command.context.destroyById(command.u32(4)) },
	{ ioctl: ioctls.IOMMU_IOAS_ALLOC, handler: ioas.ioasAlloc },
	{ ioctl: ioctls.IOMMU_IOAS_ALLOW_IOVAS, handler: ioas.ioasAllowIovas },
	{ ioctl: ioctls.IOMMU_IOAS_COPY, handler: ioas.ioasCopy },
	{ ioctl: ioctls.IOMMU_IOAS_IOVA_RANGES, handler: ioas.ioasIovaRanges },
	{ ioctl: ioctls.IOMMU_IOAS_MAP, handler: ioas.ioasMap },
	{ ioctl: ioctls.IOMMU_IOAS_MAP_FILE, handler: ioas.ioasMapFile },
	{ ioctl: ioctls.IOMMU_IOAS_UNMAP, handler: ioas.ioasUnmap },
	{ ioctl: ioctls.IOMMU_IOAS_CHANGE_PROCESS, handler: ioas.ioasChangeProcess },
	{ ioctl: ioctls.IOMMU_IOAS_NOIOMMU_GET_PA, handler: ioas.ioasNoiommuGetPa },
	{ ioctl: ioctls.IOMMU_OPTION, handler: option },
	{ ioctl: ioctls.IOMMU_VFIO_IOAS, handler: vfioIoas },
	{ ioctl: ioctls.IOMMU_HWPT_ALLOC, handler: hwptAlloc },
	{ ioctl: ioctls.IOMMU_HWPT_INVALIDATE, handler: hwptInvalidate },
	{ ioctl: ioctls.IOMMU_HWPT_SET_DIRTY_TRACKING, handler: setDirtyTracking },
	{ ioctl: ioctls.IOMMU_HWPT_GET_DIRTY_BITMAP, handler: getDirtyBitmap },
	{ ioctl: ioctls.IOMMU_GET_HW_INFO, handler: getHwInfo },
	{ ioctl: ioctls.IOMMU_FAULT_QUEUE_ALLOC, handler: faultQueueAlloc },
	{ ioctl: ioctls.IOMMU_VIOMMU_ALLOC, handler: viommuAlloc },
	{ ioctl: ioctls.IOMMU_VDEVICE_ALLOC, handler: vdeviceAlloc },
	{ ioctl: ioctls.IOMMU_VEVENTQ_ALLOC, handler: veventqAlloc },
	{ ioctl: ioctls.IOMMU_HW_QUEUE_ALLOC, handler: hwQueueAlloc },
];

const byNumber: (Call | undefined)[] = [];
for (const call of calls) byNumber[call.ioctl.nr] = call;

const sizeBytes = new Uint8Array(4);
const sizeView = new DataView(sizeBytes.buffer);

/** Whether a request goes to iommufd's own commands rather than to the VFIO compatibility ones. */
export function isCommand(request: number, extra: Call | undefined): boolean {
	const nr = request & 0xff;
	return nr >= FIRST_NR && (byNumber[nr] !== undefined || nr < byNumber.length || nr <= (extra?.ioctl.nr ?? 0));
}

/** An iommufd command: number, size and struct are checked, then its own handler answers. */
export function dispatch(context: IommufdContext, process: SimProcess, request: number, arg: UserArg, extra: Call | undefined): Ret {
	const nr = request & 0xff;
	const call = nr === extra?.ioctl.nr ? extra : byNumber[nr];
	if (call === undefined || call.ioctl.request !== request) return -ENOTTY;
	let rc = arg.read(0, sizeBytes);
	if (rc < 0) return rc;
	const size = sizeView.getUint32(0, true);
	if (size < call.ioctl.minSize) return -EINVAL;
	const command = new Command(context, process, arg, size, call.ioctl.size);
	rc = command.copyIn();
	return rc < 0 ? rc : call.handler(command);
}
