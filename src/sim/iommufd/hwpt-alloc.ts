/** The ioctl that allocates page tables. */
import { iommu_hwpt_data_type as DATA, iommufd_hwpt_alloc_flags as FLAG, iommu_hwpt_alloc } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { type AllocData, hasData } from "../contract/user-data.js";
import { hwptAllocChecks, inViommuChecks, nestedChecks, newTableChecks, pagingChecks } from "./checks/hwpt.js";
import type { Command } from "./command.js";
import type { Device } from "./device.js";
import { type Hwpt, HwptNested, HwptPaging } from "./hwpt.js";
import { Ioas } from "./ioas.js";
import { Viommu } from "./viommu.js";

const at = iommu_hwpt_alloc.offsets;
const FAULT = FLAG.IOMMU_HWPT_FAULT_ID_VALID;
const PASID = FLAG.IOMMU_HWPT_ALLOC_PASID;
const NEST = FLAG.IOMMU_HWPT_ALLOC_NEST_PARENT;
const DIRTY = FLAG.IOMMU_HWPT_ALLOC_DIRTY_TRACKING;

/** IOMMU_HWPT_ALLOC */
export function hwptAlloc(command: Command): Ret {
	const { context } = command;
	if (command.u32(at.__reserved) !== 0) return command.fail(hwptAllocChecks.reservedWord, command.u32(at.__reserved));
	const type = command.u32(at.data_type);
	const length = command.u32(at.data_len);
	if ((type === DATA.IOMMU_HWPT_DATA_NONE) !== (length === 0)) return command.fail(hwptAllocChecks.dataMissing, type, length);
	const device = context.find(command.u32(at.dev_id), "device");
	if (device === undefined) return command.fail(hwptAllocChecks.noDevice, command.u32(at.dev_id), command.named(command.u32(at.dev_id)));
	const target = context.get(command.u32(at.pt_id));
	const flags = command.u32(at.flags);
	const from: AllocData = {
		process: command.process,
		data: length === 0 ? undefined : { type, length, uptr: command.u64(at.data_uptr) },
	};
	let hwpt: Hwpt | Ret;
	if (target instanceof Ioas) hwpt = command.lateFlags() || command.lateTypes() || allocPaging(target, device, flags, from);
	else if (target instanceof HwptPaging) hwpt = allocNested(target, device, flags, from, command);
	else if (target instanceof Viommu) hwpt = allocInViommu(target, device, flags, from, command);
	else return command.fail(hwptAllocChecks.badTarget, command.u32(at.pt_id), command.named(command.u32(at.pt_id)));
	if (typeof hwpt === "number") return hwpt;
	let rc: Ret = 0;
	if (flags & FAULT) {
		const queue = context.find(command.u32(at.fault_id), "fault");
		if (queue === undefined)
			rc = command.fail(hwptAllocChecks.noFaultQueue, command.u32(at.fault_id), command.named(command.u32(at.fault_id)));
		else hwpt.setFaultQueue(queue);
	}
	if (rc === 0) {
		command.setU32(at.out_hwpt_id, hwpt.id);
		rc = command.respond();
	}
	if (rc < 0) context.abort(hwpt);
	else context.finalize(hwpt);
	return rc;
}

/**
 * Allocate a kernel-managed table for an IOAS; the caller finalizes it. `attach` is called before the table is filled,
 * so that the error of a device that cannot use it comes first. On failure, minus the errno and nothing is left.
 */
export function allocPaging(
	ioas: Ioas,
	device: Device,
	flags: number,
	from: AllocData | undefined,
	attach?: (hwpt: HwptPaging) => Ret,
): HwptPaging | Ret {
	const { system } = ioas.context;
	const { reasons } = system;
	const unknown = flags & ~(NEST | DIRTY | FAULT | PASID);
	if (unknown) return reasons.fail(pagingChecks.pagingFlags, flags, unknown >>> 0);
	const { driver, name } = device.device.iommu;
	if (flags & DIRTY && !driver.canTrackDirty(device.device)) return reasons.fail(pagingChecks.dirtyUnsupported, name, device.device.name);
	const { release } = system;
	if (flags & FAULT && release?.lacks("hwpt-alloc.fault-flag")) return reasons.fail(pagingChecks.faultPaging);
	if (flags & FAULT && flags & NEST && !release?.lacks("hwpt-alloc.fault-on-parent")) return reasons.fail(pagingChecks.faultNest);
	if (!system.allocation()) return reasons.fail(newTableChecks.pagingMemory, system.allocations);
	const domain = driver.allocPaging(device.device, flags & ~FAULT, from);
	if (typeof domain === "number") return domain;
	const hwpt = new HwptPaging(ioas, domain, (flags & PASID) !== 0, (flags & NEST) !== 0);
	let rc = attach?.(hwpt) ?? 0;
	if (rc === 0) {
		rc = ioas.space.addDomain(domain);
		if (rc < 0 && attach !== undefined) device.group.detach(device, 0);
	}
	if (rc < 0) {
		ioas.context.abort(hwpt);
		return rc;
	}
	domain.space = ioas.space;
	ioas.hwpts.push(hwpt);
	return hwpt;
}

/** Allocate a user-managed table on a nesting parent, without a vIOMMU. */
function allocNested(parent: HwptPaging, device: Device, flags: number, from: AllocData, command: Command): HwptNested | Ret {
	const { iommu } = device.device;
	const { system } = parent.context;
	const { reasons } = system;
	const unknown = flags & ~(FAULT | PASID);
	if (unknown) return reasons.fail(nestedChecks.nestedFlags, flags, unknown >>> 0);
	if (!hasData(from)) return reasons.fail(nestedChecks.nestedData);
	const late = command.lateFlags();
	if (late < 0) return late;
	if (iommu.driver.allocNested === undefined) return reasons.fail(nestedChecks.nestedUnsupported, iommu.name);
	if (parent.automatic) return reasons.fail(nestedChecks.parentAutomatic, parent);
	if (!parent.nestParent) return reasons.fail(nestedChecks.parentNotNesting, parent);
	const other = parent.domain.iommu;
	if (other.driver !== iommu.driver)
		return reasons.fail(nestedChecks.parentOtherDriver, parent, other.name, device.device.name, iommu.name);
	const lateType = command.lateTypes();
	if (lateType < 0) return lateType;
	if (!system.allocation()) return reasons.fail(nestedChecks.nestedMemory, system.allocations);
	const domain = iommu.driver.allocNested(device.device, parent.domain, flags & ~FAULT, from);
	if (typeof domain === "number") return domain;
	return new HwptNested(parent, domain, (flags & PASID) !== 0);
}

function allocInViommu(viommu: Viommu, device: Device, flags: number, from: AllocData, command: Command): HwptNested | Ret {
	const { system } = viommu.context;
	const { reasons } = system;
	const { iommu, name } = device.device;
	if (viommu.iommu !== iommu) return reasons.fail(inViommuChecks.viommuOther, viommu.id, viommu.iommu.name, name, iommu.name);
	const unknown = flags & ~(FAULT | PASID);
	if (unknown) return reasons.fail(inViommuChecks.inViommuFlags, flags, unknown >>> 0);
	if (!hasData(from)) return reasons.fail(inViommuChecks.inViommuData);
	const late = command.lateFlags() || command.lateTypes();
	if (late < 0) return late;
	if (viommu.ops.allocNested === undefined) return reasons.fail(inViommuChecks.inViommuUnsupported, iommu.name);
	if (!system.allocation()) return reasons.fail(inViommuChecks.inViommuMemory, system.allocations);
	const domain = viommu.ops.allocNested(device.device, flags & ~FAULT, from);
	if (typeof domain === "number") return domain;
	return new HwptNested(viommu.parent, domain, (flags & PASID) !== 0, viommu);
}
