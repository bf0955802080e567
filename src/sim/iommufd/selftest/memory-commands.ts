/** The selftest's commands that check mappings, pins and dirty bits. */
import { iommu_test_cmd } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { PROT_READ, PROT_WRITE } from "../../../kernel/kernel.js";
import { IOVA_MAX } from "../../iova/interval-set.js";
import type { PageRef } from "../../iova/pages.js";
import { type Extent, pageOf, type UserMemory } from "../../memory/user-memory.js";
import { MockPagingDomain } from "../../vendors/selftest/domains.js";
import type { Command } from "../command.js";
import type { HwptPaging } from "../hwpt.js";
import { checkMapChecks, checkRefsChecks, markDirtyChecks, mockTableChecks } from "./checks.js";

const at = iommu_test_cmd.offsets;
/** The most bits that one command may set. */
const MAX_BITS = 1n << 27n;

function findMockHwpt(command: Command): { hwpt: HwptPaging; domain: MockPagingDomain } | Ret {
	const hwpt = command.context.find(command.u32(at.id), "hwpt-paging");
	if (hwpt === undefined) return command.fail(mockTableChecks.noPageTable, command.u32(at.id), command.named(command.u32(at.id)));
	const { domain } = hwpt;
	return domain instanceof MockPagingDomain ? { hwpt, domain } : command.fail(mockTableChecks.notMock, hwpt);
}

/** The page that a user address maps now. */
export function userPage(memory: UserMemory, addr: bigint): PageRef | undefined {
	return addr > IOVA_MAX ? undefined : memory.extents(pageOf(addr), 1, false)[0];
}

/** Whether nothing follows the page of this address: Linux cannot look it up, as its end is 2^64. */
export const isLastPage = (addr: bigint): boolean => addr <= IOVA_MAX && pageOf(addr) === pageOf(IOVA_MAX);

/** Does the page table translate the IOVA range to the user address range? */
export function checkMap(command: Command): Ret {
	const found = findMockHwpt(command);
	const iova = command.u64(at["check_map.iova"]);
	const length = command.u64(at["check_map.length"]);
	const uptr = command.u64(at["check_map.uptr"]);
	if (typeof found === "number") return found;
	const page = found.domain.smallestPage;
	if (iova % page !== 0n || length % page !== 0n || uptr % page !== 0n)
		return command.fail(checkMapChecks.alignment, iova, length, uptr, page);
	if (uptr + length > IOVA_MAX) return command.fail(checkMapChecks.end, length, uptr);
	const { space } = found.hwpt.ioas;
	for (let done = 0n; done < length; ) {
		const left = length - done;
		if (isLastPage(uptr + done)) return command.fail(checkMapChecks.lastPage, uptr + done);
		const user = userExtent(command.process.memory, uptr + done, left);
		if (user === undefined) return command.fail(checkMapChecks.unreadable, uptr + done);
		const area = space.find(iova + done);
		if (area === undefined) return command.fail(checkMapChecks.notMapped, iova + done);
		const byte = area.byte(iova + done);
		const inPage = byte & 0xfffn;
		const mapped = area.pages.pinnedExtent(Number(byte >> 12n), user.count);
		const same = mapped?.object === user.object && mapped.page === user.page && inPage === ((uptr + done) & 0xfffn);
		if (!same) return command.fail(checkMapChecks.otherPage, iova + done, uptr + done);
		const alike = (BigInt(mapped.count) << 12n) - inPage;
		const inArea = area.last - (iova + done) + 1n;
		done += alike < inArea ? alike : inArea;
	}
	return 0;
}

/** The pages that the user address maps, as far as they are contiguous; at least the first page. */
function userExtent(memory: UserMemory, addr: bigint, length: bigint): Extent | undefined {
	const pages = Number(((addr & 0xfffn) + length + 0xfffn) >> 12n);
	return memory.extents(pageOf(addr), pages, false)[0];
}

/** Is every page of the range pinned exactly this often? */
export function checkRefs(command: Command): Ret {
	const { memory } = command.process;
	const length = command.u64(at["check_refs.length"]);
	const uptr = command.u64(at["check_refs.uptr"]);
	if ((length & 0xfffn) !== 0n || (uptr & 0xfffn) !== 0n) return command.fail(checkRefsChecks.alignment, length, uptr);
	if (uptr + length > IOVA_MAX) return command.fail(checkRefsChecks.end, length, uptr);
	const refs = command.u32(at["check_refs.refs"]);
	const count = pageOf(length);
	let done = 0;
	for (const { object, page, count: run } of memory.extents(pageOf(uptr), count, false)) {
		const other = object.pins.firstOther(page, page + run, refs);
		if (other < page + run) {
			const at = uptr + (BigInt(done + other - page) << 12n);
			return command.fail(checkRefsChecks.otherCount, at, object.pins.at(other), refs);
		}
		done += run;
	}
	return done < count ? command.fail(checkRefsChecks.unreadable, uptr + (BigInt(done) << 12n)) : 0;
}

/** Pretend that the device wrote to the pages whose bits are set. */
export function markDirty(command: Command): Ret {
	const iova = command.u64(at["dirty.iova"]);
	const length = command.u64(at["dirty.length"]);
	const pageSize = command.u64(at["dirty.page_size"]);
	const uptr = command.u64(at["dirty.uptr"]);
	if (pageSize === 0n || length === 0n || uptr === 0n) return command.fail(markDirtyChecks.missing, pageSize, length, uptr);
	if (iova % pageSize !== 0n || length % pageSize !== 0n) return command.fail(markDirtyChecks.alignment, iova, length, pageSize);
	const bits = length / pageSize;
	if (bits > MAX_BITS) return command.fail(markDirtyChecks.tooManyBits, bits);
	const found = findMockHwpt(command);
	if (typeof found === "number") return found;
	const { tracker } = found.domain;
	if (tracker === undefined || !tracker.enabled) return command.fail(markDirtyChecks.notTracking, found.hwpt);
	const { memory } = command.process;
	const total = Number((bits + 7n) >> 3n);
	if (!memory.accessible(uptr, total, PROT_READ | PROT_WRITE)) return command.fail(markDirtyChecks.bitmap, total, uptr);
	let count = 0n;
	memory.scan(uptr, total, (offset, bytes) => {
		bytes.forEach((byte, i) => {
			for (let bit = 0; byte >> bit; bit++) {
				const page = BigInt(offset + i) * 8n + BigInt(bit);
				if (!((byte >> bit) & 1) || page >= bits) continue;
				count += tracker.mark(iova, page, pageSize);
			}
		});
		return false;
	});
	command.setU64(at["dirty.out_nr_dirty"], count);
	return command.respond();
}
