import { iommu_test_cmd } from "../../../../structs/index.js";
import { EFAULT, EINVAL, EIO, ENOENT, ENOMEM } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import { PROT_READ } from "../../../kernel/kernel.js";
import type { Command } from "../../iommufd/command.js";
import type { HwptPaging } from "../../iommufd/hwpt.js";
import { IOVA_MAX } from "../../iova/interval-set.js";
import type { PageRef } from "../../iova/pages.js";
import { type AddressSpace, pageOf } from "../../memory/address-space.js";
import { MockPagingDomain } from "./domains.js";

const at = iommu_test_cmd.offsets;
const SMALL = 0x800n;
/** More bits than the kernel can allocate a bitmap for. */
const MAX_BITS = 1n << 34n;

function findMockHwpt(command: Command): { hwpt: HwptPaging; domain: MockPagingDomain } | Ret {
	const hwpt = command.context.find<HwptPaging>(command.u32(at.id), "hwpt-paging");
	if (hwpt === undefined) return -ENOENT;
	const { domain } = hwpt;
	return domain instanceof MockPagingDomain ? { hwpt, domain } : -EINVAL;
}

/** The page a user address shows now. */
export function userPage(memory: AddressSpace, addr: bigint): PageRef | undefined {
	return addr > IOVA_MAX ? undefined : memory.extents(pageOf(addr), 1, false)[0];
}

/** Does the page table translate the IOVA range to the user address range? */
export function checkMap(command: Command): Ret {
	const found = findMockHwpt(command);
	const iova = command.u64(at["check_map.iova"]);
	const length = command.u64(at["check_map.length"]);
	const uptr = command.u64(at["check_map.uptr"]);
	if (iova % SMALL !== 0n || length % SMALL !== 0n || uptr % SMALL !== 0n) return -EINVAL;
	if (uptr + length > IOVA_MAX) return -EINVAL;
	if (typeof found === "number") return found;
	const { space } = found.hwpt.ioas;
	for (let done = 0n; done < length; done += SMALL) {
		const page = userPage(command.process.memory, uptr + done);
		if (page === undefined) return -EFAULT;
		const area = space.find(iova + done);
		if (area === undefined) return -EINVAL;
		const byte = area.byte(iova + done);
		const mapped = area.pages.pinnedPage(Number(byte >> 12n));
		const same =
			mapped?.object === page.object &&
			mapped.page === page.page &&
			(byte & 0xfffn) === ((uptr + done) & 0xfffn);
		if (!same) return -EINVAL;
	}
	return 0;
}

/** Is every page of the range pinned exactly so often? */
export function checkRefs(command: Command): Ret {
	const { memory } = command.process;
	const length = command.u64(at["check_refs.length"]);
	const uptr = command.u64(at["check_refs.uptr"]);
	if ((length & 0xfffn) !== 0n || (uptr & 0xfffn) !== 0n) return -EINVAL;
	if (uptr + length > IOVA_MAX) return -EINVAL;
	const refs = command.u32(at["check_refs.refs"]);
	for (let page = pageOf(uptr), end = pageOf(uptr + length); page < end; page++) {
		const [extent] = memory.extents(page, 1, false);
		if (extent === undefined) return -EFAULT;
		if (extent.object.pins.at(extent.page) !== refs) return -EIO;
	}
	return 0;
}

/** Pretend that the device wrote to the pages whose bits are set. */
export function markDirty(command: Command): Ret {
	const iova = command.u64(at["dirty.iova"]);
	const length = command.u64(at["dirty.length"]);
	const pageSize = command.u64(at["dirty.page_size"]);
	const uptr = command.u64(at["dirty.uptr"]);
	if (pageSize === 0n || length === 0n || uptr === 0n) return -EINVAL;
	if (iova % pageSize !== 0n || length % pageSize !== 0n) return -EINVAL;
	const found = findMockHwpt(command);
	if (typeof found === "number") return found;
	const { tracker } = found.domain;
	if (tracker === undefined || !tracker.enabled) return -EINVAL;
	const bits = length / pageSize;
	if (bits > MAX_BITS) return -ENOMEM;
	const { memory } = command.process;
	const total = Number((bits + 7n) >> 3n);
	if (!memory.accessible(uptr, total, PROT_READ)) return -EFAULT;
	const bitmap = new Uint8Array(total);
	memory.read(uptr, bitmap);
	let count = 0n;
	for (let i = 0; i < Number(bits); i++) {
		if (!((bitmap[i >> 3] >> (i & 7)) & 1)) continue;
		if (tracker.mark(iova + BigInt(i) * pageSize)) count++;
	}
	command.setU64(at["dirty.out_nr_dirty"], count);
	return command.respond();
}
