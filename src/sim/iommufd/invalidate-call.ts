/** The ioctl that invalidates caches of nested tables and vIOMMUs. */
import { iommu_hwpt_invalidate } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { InvalidateArray, type InvalidateResult } from "../contract/invalidation.js";
import { hwptInvalidateChecks } from "./checks/hwpt.js";
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
	const { process, context } = command;
	if (command.u32(at.__reserved) !== 0) return failed(command.fail(hwptInvalidateChecks.reservedWord, command.u32(at.__reserved)));
	const type = command.u32(at.data_type);
	const uptr = command.u64(at.data_uptr);
	const length = command.u32(at.entry_len);
	const count = command.u32(at.entry_num);
	if (count > 0 && uptr === 0n) return failed(command.fail(hwptInvalidateChecks.noEntries, count));
	if (count > 0 && (length === 0 || length > MAX_ENTRY)) return failed(command.fail(hwptInvalidateChecks.entrySize, length));
	if (count > MAX_ENTRIES) return failed(command.fail(hwptInvalidateChecks.tooManyEntries, count));
	const id = command.u32(at.hwpt_id);
	const target = context.get(id);
	if (target === undefined) return failed(command.fail(hwptInvalidateChecks.noTarget, id));
	const array = new InvalidateArray(process, context, type, uptr, length, count);
	if (target instanceof HwptNested || target instanceof Viommu) {
		const driver = target instanceof Viommu ? target.ops : target.domain;
		if (driver.invalidate !== undefined) return driver.invalidate(array);
		const { iommu } = target instanceof Viommu ? target : target.domain;
		return failed(command.fail(hwptInvalidateChecks.cannotInvalidate, iommu.name, target));
	}
	if (context.system.release?.lacks("hwpt-invalidate.wrong-type"))
		return failed(command.fail(hwptInvalidateChecks.badTargetOlder, id, target));
	return failed(command.fail(hwptInvalidateChecks.badTarget, id, target));
}

function failed(rc: Ret): InvalidateResult {
	return { rc, done: 0 };
}
