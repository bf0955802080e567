/** The ioctls that set options of a context. */
import {
	iommu_option,
	iommu_vfio_ioas,
	iommufd_option_ops as OP,
	iommufd_option as OPTION,
	iommufd_vfio_ioas_op as VFIO_OP,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { hugePagesChecks, optionChecks, rlimitChecks, vfioIoasChecks } from "./checks/option.js";
import type { Command } from "./command.js";
import type { IommufdContext } from "./context.js";
import { listed } from "./holders.js";

const at = iommu_option.offsets;

export function option(command: Command): Ret {
	if (command.u16(at.__reserved) !== 0) return command.fail(optionChecks.reservedWord, command.u16(at.__reserved));
	const id = command.u32(at.option_id);
	let rc: Ret;
	if (id === OPTION.IOMMU_OPTION_RLIMIT_MODE) rc = rlimitMode(command);
	else if (id === OPTION.IOMMU_OPTION_HUGE_PAGES) rc = hugePages(command);
	else rc = command.fail(optionChecks.unknownOption, id);
	return rc < 0 ? rc : command.respond();
}

function rlimitMode(command: Command): Ret {
	const { context } = command;
	if (command.u32(at.object_id) !== 0) return command.fail(rlimitChecks.rlimitObject, command.u32(at.object_id));
	const op = command.u16(at.op);
	if (op === OP.IOMMU_OPTION_OP_GET) {
		command.setU64(at.val64, BigInt(context.rlimitMode));
		return 0;
	}
	if (op !== OP.IOMMU_OPTION_OP_SET) return command.fail(rlimitChecks.rlimitOp, op);
	if (!context.empty) return command.fail(rlimitChecks.rlimitInUse, () => contents(context));
	const value = command.u64(at.val64);
	if (value > 1n) return command.fail(rlimitChecks.rlimitValue, value);
	context.rlimitMode = Number(value);
	return 0;
}

/** What the context has, in words. */
function contents({ objects }: IommufdContext): string {
	const names = [...objects].sort((a, b) => a.id - b.id).map(String);
	if (names.length === 0) return "the IDs of virtual devices whose devices went away";
	return `${names.length} ${names.length === 1 ? "object" : "objects"}: ${listed(names)}`;
}

function hugePages(command: Command): Ret {
	const ioas = command.context.find(command.u32(at.object_id), "ioas");
	if (ioas === undefined) return command.fail(hugePagesChecks.noIoas, command.u32(at.object_id));
	const op = command.u16(at.op);
	if (op === OP.IOMMU_OPTION_OP_GET) {
		command.setU64(at.val64, ioas.space.largePages ? 1n : 0n);
		return 0;
	}
	if (op !== OP.IOMMU_OPTION_OP_SET) return command.fail(hugePagesChecks.hugeOp, op);
	const value = command.u64(at.val64);
	return value > 1n ? command.fail(hugePagesChecks.hugeValue, value) : ioas.space.setLargePages(value === 1n);
}

/** IOMMU_VFIO_IOAS: the IOAS that the VFIO compatibility calls use. */
export function vfioIoas(command: Command): Ret {
	const { context } = command;
	const fields = iommu_vfio_ioas.offsets;
	if (command.u16(fields.__reserved) !== 0) return command.fail(vfioIoasChecks.reservedWord, command.u16(fields.__reserved));
	switch (command.u16(fields.op)) {
		case VFIO_OP.IOMMU_VFIO_IOAS_GET:
			if (context.vfioIoas === undefined) return command.fail(vfioIoasChecks.noCompatIoas);
			command.setU32(fields.ioas_id, context.vfioIoas.id);
			return command.respond();
		case VFIO_OP.IOMMU_VFIO_IOAS_SET: {
			const ioas = context.find(command.u32(fields.ioas_id), "ioas");
			if (ioas === undefined) return command.fail(vfioIoasChecks.noIoas, command.u32(fields.ioas_id));
			context.vfioIoas = ioas;
			return 0;
		}
		case VFIO_OP.IOMMU_VFIO_IOAS_CLEAR:
			context.vfioIoas = undefined;
			return 0;
		default:
			return command.fail(vfioIoasChecks.unknownOp, command.u16(fields.op));
	}
}
