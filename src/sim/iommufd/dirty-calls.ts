/** The ioctls for dirty tracking. */
import {
	iommufd_hwpt_get_dirty_bitmap_flags as GET,
	iommu_hwpt_get_dirty_bitmap,
	iommu_hwpt_set_dirty_tracking,
	iommufd_hwpt_set_dirty_tracking_flags as SET,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { IOVA_MAX } from "../iova/interval-set.js";
import { getDirtyBitmapChecks, setDirtyTrackingChecks } from "./checks/hwpt.js";
import type { Command } from "./command.js";
import { UserBitmap } from "./user-bitmap.js";

/** IOMMU_HWPT_SET_DIRTY_TRACKING */
export function setDirtyTracking(command: Command): Ret {
	const at = iommu_hwpt_set_dirty_tracking.offsets;
	const flags = command.u32(at.flags);
	// Linux does not check __reserved here.
	const unknown = flags & ~SET.IOMMU_HWPT_DIRTY_TRACKING_ENABLE;
	if (unknown) return command.fail(setDirtyTrackingChecks.flags, flags, unknown >>> 0);
	const hwpt = command.context.find(command.u32(at.hwpt_id), "hwpt-paging");
	if (hwpt === undefined)
		return command.fail(setDirtyTrackingChecks.noPageTable, command.u32(at.hwpt_id), command.named(command.u32(at.hwpt_id)));
	const { dirty } = hwpt.domain;
	return dirty === undefined ? command.fail(setDirtyTrackingChecks.noTracking, hwpt) : dirty.set(flags !== 0);
}

/** IOMMU_HWPT_GET_DIRTY_BITMAP */
export function getDirtyBitmap(command: Command): Ret {
	const at = iommu_hwpt_get_dirty_bitmap.offsets;
	const flags = command.u32(at.flags);
	const unknown = flags & ~GET.IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR;
	if (unknown) return command.fail(getDirtyBitmapChecks.flags, flags, unknown >>> 0);
	if (command.u32(at.__reserved) !== 0) return command.fail(getDirtyBitmapChecks.reservedWord, command.u32(at.__reserved));
	const hwpt = command.context.find(command.u32(at.hwpt_id), "hwpt-paging");
	if (hwpt === undefined)
		return command.fail(getDirtyBitmapChecks.noPageTable, command.u32(at.hwpt_id), command.named(command.u32(at.hwpt_id)));
	const iova = command.u64(at.iova);
	const length = command.u64(at.length);
	const pageSize = command.u64(at.page_size);
	const last = iova + length - 1n;
	if (length === 0n) return command.fail(getDirtyBitmapChecks.lengthZero);
	if (last > IOVA_MAX) return command.fail(getDirtyBitmapChecks.end, length, iova);
	const ends = iova | length;
	const { alignment } = hwpt.ioas.space;
	if (ends & (alignment - 1n)) return command.fail(getDirtyBitmapChecks.alignment, iova, length, alignment);
	if (pageSize === 0n) return command.fail(getDirtyBitmapChecks.pageSizeZero);
	if (ends & (pageSize - 1n)) return command.fail(getDirtyBitmapChecks.pageSizeAlignment, iova, length, pageSize);
	const { dirty } = hwpt.domain;
	if (dirty === undefined) return command.fail(getDirtyBitmapChecks.noTracking, hwpt);
	const bitmap = new UserBitmap(command.process.memory, command.u64(at.data), iova, last, pageSize);
	// Area by area: ranges beyond the first hole are silently neither reported nor cleared.
	for (const { area, from, to } of hwpt.ioas.space.walk(iova, last)) {
		if (area === undefined) break;
		const rc = dirty.read(from, to, flags === 0, (start, end) => bitmap.record(start, end));
		if (rc < 0) return rc;
	}
	return 0;
}
