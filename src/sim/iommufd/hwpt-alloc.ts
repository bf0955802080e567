/** The ioctl that allocates page tables. */
import { iommu_hwpt_data_type as DATA, iommufd_hwpt_alloc_flags as FLAG, iommu_hwpt_alloc } from "../../../structs/index.js";
import { EINVAL, ENOENT, ENOMEM, EOPNOTSUPP } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { type AllocData, hasData } from "../contract/user-data.js";
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
	if (command.u32(at.__reserved) !== 0) return -EOPNOTSUPP;
	const type = command.u32(at.data_type);
	const length = command.u32(at.data_len);
	if ((type === DATA.IOMMU_HWPT_DATA_NONE) !== (length === 0)) return -EINVAL;
	const device = context.find(command.u32(at.dev_id), "device");
	if (device === undefined) return -ENOENT;
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
	else return -EINVAL;
	if (typeof hwpt === "number") return hwpt;
	let rc: Ret = 0;
	if (flags & FAULT) {
		const queue = context.find(command.u32(at.fault_id), "fault");
		if (queue === undefined) rc = -ENOENT;
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
	if (flags & ~(NEST | DIRTY | FAULT | PASID)) return -EOPNOTSUPP;
	const { driver } = device.device.iommu;
	if (flags & DIRTY && !driver.canTrackDirty(device.device)) return -EOPNOTSUPP;
	const { release } = ioas.context.system;
	if (flags & FAULT && release?.lacks("hwpt-alloc.fault-flag")) return -EOPNOTSUPP;
	if (flags & FAULT && flags & NEST && !release?.lacks("hwpt-alloc.fault-on-parent")) return -EOPNOTSUPP;
	if (!ioas.context.system.allocation()) return -ENOMEM;
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
	if (flags & ~(FAULT | PASID) || !hasData(from)) return -EOPNOTSUPP;
	if (command.lateFlags() < 0) return -EOPNOTSUPP;
	if (iommu.driver.allocNested === undefined) return -EOPNOTSUPP;
	if (parent.automatic || !parent.nestParent || parent.domain.iommu.driver !== iommu.driver) return -EINVAL;
	if (command.lateTypes() < 0) return -EOPNOTSUPP;
	if (!parent.context.system.allocation()) return -ENOMEM;
	const domain = iommu.driver.allocNested(device.device, parent.domain, flags & ~FAULT, from);
	if (typeof domain === "number") return domain;
	return new HwptNested(parent, domain, (flags & PASID) !== 0);
}

function allocInViommu(viommu: Viommu, device: Device, flags: number, from: AllocData, command: Command): HwptNested | Ret {
	if (viommu.iommu !== device.device.iommu) return -EINVAL;
	if (flags & ~(FAULT | PASID) || !hasData(from)) return -EOPNOTSUPP;
	if (command.lateFlags() < 0 || command.lateTypes() < 0) return -EOPNOTSUPP;
	if (viommu.ops.allocNested === undefined) return -EOPNOTSUPP;
	if (!viommu.context.system.allocation()) return -ENOMEM;
	const domain = viommu.ops.allocNested(device.device, flags & ~FAULT, from);
	if (typeof domain === "number") return domain;
	return new HwptNested(viommu.parent, domain, (flags & PASID) !== 0, viommu);
}
