/** Dispatches iommufd's ioctls to their handlers. */
import { type CommandName, CURRENT_RELEASE, type Ioctl, ioctls } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import type { Release } from "../uapi/release.js";
import { dispatchChecks, memoryChecks, unknownCommandChecks } from "./checks/dispatch.js";
import { Command, Scratch } from "./command.js";
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
	readonly scratch: Scratch;
	/** the least size of the struct that is taken, in bytes */
	readonly minSize: number;
	/** it allocates memory, which may fail */
	readonly allocates: boolean;
}

/** Calls that cannot fail for lack of memory: they free it, or only look. */
const FREE = new Set<Ioctl>([ioctls.IOMMU_DESTROY, ioctls.IOMMU_IOAS_UNMAP, ioctls.IOMMU_OPTION, ioctls.IOMMU_VFIO_IOAS]);

/** Whether a call allocates memory, which may fail. */
export function allocates(ioctl: Ioctl): boolean {
	return !FREE.has(ioctl);
}

export function defineCall(ioctl: Ioctl, handler: Handler): Call {
	return { ioctl, handler, scratch: new Scratch(ioctl.size), minSize: ioctl.minSize, allocates: allocates(ioctl) };
}

/** The lowest number of iommufd's own commands; those below are VFIO's. */
const FIRST_NR = 0x80;

/** The handler of each command. */
const handlers = {
	IOMMU_DESTROY: (command) => command.context.destroyById(command.u32(4)),
	IOMMU_IOAS_ALLOC: ioas.ioasAlloc,
	IOMMU_IOAS_ALLOW_IOVAS: ioas.ioasAllowIovas,
	IOMMU_IOAS_COPY: ioas.ioasCopy,
	IOMMU_IOAS_IOVA_RANGES: ioas.ioasIovaRanges,
	IOMMU_IOAS_MAP: ioas.ioasMap,
	IOMMU_IOAS_MAP_FILE: ioas.ioasMapFile,
	IOMMU_IOAS_UNMAP: ioas.ioasUnmap,
	IOMMU_IOAS_CHANGE_PROCESS: ioas.ioasChangeProcess,
	IOMMU_IOAS_NOIOMMU_GET_PA: ioas.ioasNoiommuGetPa,
	IOMMU_OPTION: option,
	IOMMU_VFIO_IOAS: vfioIoas,
	IOMMU_HWPT_ALLOC: hwptAlloc,
	IOMMU_HWPT_INVALIDATE: hwptInvalidate,
	IOMMU_HWPT_SET_DIRTY_TRACKING: setDirtyTracking,
	IOMMU_HWPT_GET_DIRTY_BITMAP: getDirtyBitmap,
	IOMMU_GET_HW_INFO: getHwInfo,
	IOMMU_FAULT_QUEUE_ALLOC: faultQueueAlloc,
	IOMMU_VIOMMU_ALLOC: viommuAlloc,
	IOMMU_VDEVICE_ALLOC: vdeviceAlloc,
	IOMMU_VEVENTQ_ALLOC: veventqAlloc,
	IOMMU_HW_QUEUE_ALLOC: hwQueueAlloc,
} satisfies Record<CommandName, Handler>;

const byNumber: (Call | undefined)[] = [];
for (const [name, handler] of Object.entries<Handler>(handlers)) {
	const ioctl = ioctls[name as CommandName];
	byNumber[ioctl.nr] = defineCall(ioctl, handler);
}

const sizeBytes = new Uint8Array(4);
const sizeView = new DataView(sizeBytes.buffer);

/** Whether a request is for iommufd's own commands rather than the VFIO compatibility ones. */
export function isCommand(request: number, extra: Call | undefined): boolean {
	const nr = request & 0xff;
	return nr >= FIRST_NR && (byNumber[nr] !== undefined || nr < byNumber.length || nr <= (extra?.ioctl.nr ?? 0));
}

/** The last number of a command that a release knows. */
function lastNumber(release: Release): number {
	return byNumber.findLastIndex((call) => call !== undefined && release.older(call.ioctl) !== undefined);
}

/** An iommufd command: checks number, size and struct, then calls its handler. */
export function dispatch(context: IommufdContext, process: Caller, request: number, arg: UserArg, extra: Call | undefined): Ret {
	const nr = request & 0xff;
	const call = nr === extra?.ioctl.nr ? extra : byNumber[nr];
	const { release, reasons, replaced } = context.system;
	// The size is read first, even where the number names no command, but not behind the last one.
	const behind = release !== undefined && extra === undefined && nr > lastNumber(release);
	const readable = behind || arg.read(0, sizeBytes) >= 0;
	if (call === undefined || call.ioctl.request !== request || replaced?.has(request)) {
		if (!readable) return reasons.fail(unknownCommandChecks.argumentUnreadable, arg.value, faultAt(process.memory, arg.value, 4, false));
		return reasons.fail(unknownCommandChecks.unknownCommand, request);
	}
	reasons.within(call.ioctl.name);
	if (!readable) return reasons.fail(dispatchChecks.sizeUnreadable, arg.value, faultAt(process.memory, arg.value, 4, false));
	if (release?.knows(call.ioctl) === false)
		return reasons.fail(dispatchChecks.tooNew, call.ioctl.name, call.ioctl.since ?? CURRENT_RELEASE, release.name);
	const older = release?.older(call.ioctl);
	const size = sizeView.getUint32(0, true);
	const { minSize } = older ?? call;
	if (size < minSize) return reasons.fail(dispatchChecks.sizeTooSmall, size, minSize);
	const command = new Command(context, process, arg, size, call.scratch, older);
	const rc = command.copyIn();
	if (rc < 0) return rc;
	if (call.allocates && !context.system.allocation()) return reasons.fail(memoryChecks.outOfMemory, context.system.allocations);
	return call.handler(command);
}
