/** The ioctls for dirty tracking. */
import {
	iommufd_hwpt_get_dirty_bitmap_flags as GET,
	iommu_hwpt_get_dirty_bitmap,
	iommu_hwpt_set_dirty_tracking,
	iommufd_hwpt_set_dirty_tracking_flags as SET,
} from "../../../structs/index.js";
import { EINVAL, ENOENT, EOPNOTSUPP, EOVERFLOW } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { IOVA_MAX } from "../iova/interval-set.js";
import type { Command } from "./command.js";
import { UserBitmap } from "./user-bitmap.js";

/** IOMMU_HWPT_SET_DIRTY_TRACKING */
export function setDirtyTracking(command: Command): Ret {
	const at = iommu_hwpt_set_dirty_tracking.offsets;
	const flags = command.u32(at.flags);
	// Linux does not check __reserved here.
	if (flags & ~SET.IOMMU_HWPT_DIRTY_TRACKING_ENABLE) return -EOPNOTSUPP;
	const hwpt = command.context.find(command.u32(at.hwpt_id), "hwpt-paging");
	if (hwpt === undefined) return -ENOENT;
	const { dirty } = hwpt.domain;
	return dirty === undefined ? -EOPNOTSUPP : dirty.set(flags !== 0);
}

/** IOMMU_HWPT_GET_DIRTY_BITMAP */
export function getDirtyBitmap(command: Command): Ret {
	const at = iommu_hwpt_get_dirty_bitmap.offsets;
	const flags = command.u32(at.flags);
	if (flags & ~GET.IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR || command.u32(at.__reserved) !== 0) return -EOPNOTSUPP;
	const hwpt = command.context.find(command.u32(at.hwpt_id), "hwpt-paging");
	if (hwpt === undefined) return -ENOENT;
	const iova = command.u64(at.iova);
	const length = command.u64(at.length);
	const pageSize = command.u64(at.page_size);
	const last = iova + length - 1n;
	if (length === 0n) return -EINVAL;
	if (last > IOVA_MAX) return -EOVERFLOW;
	const ends = iova | length;
	if (ends & (hwpt.ioas.space.alignment - 1n)) return -EINVAL;
	if (pageSize === 0n || ends & (pageSize - 1n)) return -EINVAL;
	const { dirty } = hwpt.domain;
	if (dirty === undefined) return -EOPNOTSUPP;
	const bitmap = new UserBitmap(command.process.memory, command.u64(at.data), iova, last, pageSize);
	// Area by area: ranges beyond the first hole are silently neither reported nor cleared.
	for (const { area, from, to } of hwpt.ioas.space.walk(iova, last)) {
		if (area === undefined) break;
		const rc = dirty.read(from, to, flags === 0, (start, end) => bitmap.record(start, end));
		if (rc < 0) return rc;
	}
	return 0;
}
