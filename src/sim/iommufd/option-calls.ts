/** The ioctls that set options of a context. */
import {
	iommu_option,
	iommu_vfio_ioas,
	iommufd_option_ops as OP,
	iommufd_option as OPTION,
	iommufd_vfio_ioas_op as VFIO_OP,
} from "../../../structs/index.js";
import { EBUSY, EINVAL, ENODEV, ENOENT, EOPNOTSUPP } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { Command } from "./command.js";

const at = iommu_option.offsets;

export function option(command: Command): Ret {
	if (command.u16(at.__reserved) !== 0) return -EOPNOTSUPP;
	let rc: Ret = -EOPNOTSUPP;
	const id = command.u32(at.option_id);
	if (id === OPTION.IOMMU_OPTION_RLIMIT_MODE) rc = rlimitMode(command);
	else if (id === OPTION.IOMMU_OPTION_HUGE_PAGES) rc = hugePages(command);
	return rc < 0 ? rc : command.respond();
}

function rlimitMode(command: Command): Ret {
	const { context } = command;
	if (command.u32(at.object_id) !== 0) return -EOPNOTSUPP;
	const op = command.u16(at.op);
	if (op === OP.IOMMU_OPTION_OP_GET) {
		command.setU64(at.val64, BigInt(context.rlimitMode));
		return 0;
	}
	if (op !== OP.IOMMU_OPTION_OP_SET) return -EOPNOTSUPP;
	if (!context.empty) return -EBUSY;
	const value = command.u64(at.val64);
	if (value > 1n) return -EINVAL;
	context.rlimitMode = Number(value);
	return 0;
}

function hugePages(command: Command): Ret {
	const ioas = command.context.find(command.u32(at.object_id), "ioas");
	if (ioas === undefined) return -ENOENT;
	const op = command.u16(at.op);
	if (op === OP.IOMMU_OPTION_OP_GET) {
		command.setU64(at.val64, ioas.space.largePages ? 1n : 0n);
		return 0;
	}
	if (op !== OP.IOMMU_OPTION_OP_SET) return -EOPNOTSUPP;
	const value = command.u64(at.val64);
	return value > 1n ? -EINVAL : ioas.space.setLargePages(value === 1n);
}

/** IOMMU_VFIO_IOAS: the IOAS that the VFIO compatibility calls use. */
export function vfioIoas(command: Command): Ret {
	const { context } = command;
	const fields = iommu_vfio_ioas.offsets;
	if (command.u16(fields.__reserved) !== 0) return -EOPNOTSUPP;
	switch (command.u16(fields.op)) {
		case VFIO_OP.IOMMU_VFIO_IOAS_GET:
			if (context.vfioIoas === undefined) return -ENODEV;
			command.setU32(fields.ioas_id, context.vfioIoas.id);
			return command.respond();
		case VFIO_OP.IOMMU_VFIO_IOAS_SET: {
			const ioas = context.find(command.u32(fields.ioas_id), "ioas");
			if (ioas === undefined) return -ENOENT;
			context.vfioIoas = ioas;
			return 0;
		}
		case VFIO_OP.IOMMU_VFIO_IOAS_CLEAR:
			context.vfioIoas = undefined;
			return 0;
		default:
			return -EOPNOTSUPP;
	}
}
