/** The ioctl that reports the hardware behind a device. */
import {
	iommufd_hw_capabilities as CAP,
	iommufd_hw_info_flags as FLAG,
	iommu_hw_info,
	iommu_hw_info_type as TYPE,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { getHwInfoChecks } from "./checks/hwpt.js";
import type { Command } from "./command.js";

const at = iommu_hw_info.offsets;

/** IOMMU_GET_HW_INFO */
export function getHwInfo(command: Command): Ret {
	const flags = command.u32(at.flags);
	const unknown = flags & ~FLAG.IOMMU_HW_INFO_FLAG_INPUT_TYPE;
	if (unknown) return command.fail(getHwInfoChecks.flags, flags, unknown >>> 0);
	const reserved = command.u32(at.out_max_pasid_log2) >>> 8;
	if (reserved !== 0) return command.fail(getHwInfoChecks.reservedBytes, reserved);
	const wanted = flags === 0 ? TYPE.IOMMU_HW_INFO_TYPE_DEFAULT : command.u32(at.in_data_type);
	const object = command.context.find(command.u32(at.dev_id), "device");
	if (object === undefined) return command.fail(getHwInfoChecks.noDevice, command.u32(at.dev_id), command.named(command.u32(at.dev_id)));
	const { device } = object;
	const { driver } = device.iommu;
	const info = driver.hwInfo?.(device, wanted) ?? {
		type: TYPE.IOMMU_HW_INFO_TYPE_NONE,
		data: new Uint8Array(0),
	};
	if (typeof info === "number") return info;
	const rc = copyOut(command, info.data);
	if (rc < 0) return rc;
	command.setU32(at.data_len, info.data.length);
	command.setU32(at.out_data_type, info.type);
	command.setU8(at.out_max_pasid_log2, device.maxPasidLog2);
	const tracking = driver.canTrackDirty(device) ? CAP.IOMMU_HW_CAP_DIRTY_TRACKING : 0;
	command.setU64(at.out_capabilities, BigInt(device.capabilities | tracking));
	return command.respond();
}

/** Write as much of the data as fits, and zero the rest of the caller's buffer. */
function copyOut(command: Command, data: Uint8Array): Ret {
	const { memory } = command.process;
	const room = command.u32(at.data_len);
	const uptr = command.u64(at.data_uptr);
	const known = Math.min(room, data.length);
	const rest = uptr + BigInt(known);
	if (memory.write(uptr, data.subarray(0, known)) < 0)
		return command.fail(getHwInfoChecks.dataNotWritable, known, uptr, command.fault(uptr, known, true));
	if (room > known && memory.clear(rest, room - known) < 0)
		return command.fail(getHwInfoChecks.dataNotWritable, room - known, rest, command.fault(rest, room - known, true));
	return 0;
}
