import { iommu_hwpt_invalidate } from "../../../structs/index.js";
import { EINVAL, ENOENT, EOPNOTSUPP } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { InvalidateArray, InvalidateResult } from "../contract/driver.js";
import { type Command, copyStruct } from "./command.js";
import { HwptNested } from "./hwpt.js";
import { Viommu } from "./viommu.js";

const at = iommu_hwpt_invalidate.offsets;
const MAX_ENTRY = 4096;
const MAX_ENTRIES = 1 << 19;

/** IOMMU_HWPT_INVALIDATE: `entry_num` comes back as the number handled, however it ends. */
export function hwptInvalidate(command: Command): Ret {
	const { rc, done } = invalidate(command);
	command.setU32(at.entry_num, done);
	const written = command.respond();
	return written < 0 ? written : rc;
}

function invalidate(command: Command): InvalidateResult {
	const failed = (errno: number): InvalidateResult => ({ rc: -errno, done: 0 });
	if (command.u32(at.__reserved) !== 0) return failed(EOPNOTSUPP);
	const array: InvalidateArray = {
		process: command.process,
		context: command.context,
		type: command.u32(at.data_type),
		uptr: command.u64(at.data_uptr),
		entryLength: command.u32(at.entry_len),
		entries: command.u32(at.entry_num),
	};
	const { entries, entryLength, uptr } = array;
	if (entries > 0 && (uptr === 0n || entryLength === 0 || entryLength > MAX_ENTRY)) return failed(EINVAL);
	if (entries > MAX_ENTRIES) return failed(EINVAL);
	const target = command.context.get(command.u32(at.hwpt_id));
	if (target === undefined) return failed(ENOENT);
	if (target instanceof HwptNested) return target.domain.invalidate?.(array) ?? failed(EOPNOTSUPP);
	if (target instanceof Viommu) return target.ops.invalidate?.(array) ?? failed(EOPNOTSUPP);
	return failed(EINVAL);
}

/** Entry `index` of an array whose entries must have just `size` bytes: -EINVAL, -EFAULT. */
export function copyEntry(array: InvalidateArray, index: number, size: number): Uint8Array | Ret {
	if (array.entryLength !== size) return -EINVAL;
	const start = array.uptr + BigInt(index) * BigInt(array.entryLength);
	return copyStruct(array.process, start, array.entryLength, size);
}

/** All entries at once: shorter ones are filled up with zeroes, longer ones must end in zeroes. */
export function copyEntries(array: InvalidateArray, size: number): Uint8Array | Ret {
	const { entries, entryLength, process, uptr } = array;
	const all = new Uint8Array(entries * size);
	if (entryLength === size) {
		const rc = process.memory.read(uptr, all);
		return rc < 0 ? rc : all;
	}
	for (let i = 0; i < entries; i++) {
		const start = uptr + BigInt(i) * BigInt(entryLength);
		const entry = copyStruct(process, start, entryLength, size);
		if (typeof entry === "number") return entry;
		all.set(entry, i * size);
	}
	return all;
}
