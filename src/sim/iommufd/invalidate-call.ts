/** The ioctl that invalidates caches of nested tables and vIOMMUs. */
import { iommu_hwpt_invalidate } from "../../../structs/index.js";
import { EINVAL, ENOENT, EOPNOTSUPP } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { InvalidateArray, type InvalidateResult } from "../contract/invalidation.js";
import type { Command } from "./command.js";
import { HwptNested } from "./hwpt.js";
import { Viommu } from "./viommu.js";

const at = iommu_hwpt_invalidate.offsets;
const MAX_ENTRY = 4096;
const MAX_ENTRIES = 1 << 19;

/** IOMMU_HWPT_INVALIDATE: `entry_num` returns the number of handled entries, on failure too. */
export function hwptInvalidate(command: Command): Ret {
	const { rc, done } = invalidate(command);
	command.setU32(at.entry_num, done);
	const written = command.respond();
	return written < 0 ? written : rc;
}

function invalidate(command: Command): InvalidateResult {
	const failed = (errno: number): InvalidateResult => ({ rc: -errno, done: 0 });
	if (command.u32(at.__reserved) !== 0) return failed(EOPNOTSUPP);
	const { process, context } = command;
	const type = command.u32(at.data_type);
	const uptr = command.u64(at.data_uptr);
	const length = command.u32(at.entry_len);
	const count = command.u32(at.entry_num);
	if (count > 0 && (uptr === 0n || length === 0 || length > MAX_ENTRY)) return failed(EINVAL);
	if (count > MAX_ENTRIES) return failed(EINVAL);
	const target = context.get(command.u32(at.hwpt_id));
	if (target === undefined) return failed(ENOENT);
	const array = new InvalidateArray(process, context, type, uptr, length, count);
	if (target instanceof HwptNested) return target.domain.invalidate?.(array) ?? failed(EOPNOTSUPP);
	if (target instanceof Viommu) return target.ops.invalidate?.(array) ?? failed(EOPNOTSUPP);
	return failed(context.system.release?.lacks("hwpt-invalidate.wrong-type") ? ENOENT : EINVAL);
}
