/** The ioctls on IOASes. */
import {
	iommu_ioas_alloc,
	iommu_ioas_allow_iovas,
	iommu_ioas_copy,
	iommu_ioas_iova_ranges,
	iommu_ioas_map,
	iommu_ioas_map_file,
	iommu_ioas_noiommu_get_pa,
	iommu_ioas_unmap,
	iommu_iova_range,
	iommufd_ioas_map_flags as MAP,
	mock_flags_access,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import { countedIova } from "../iova/counted.js";
import { type Interval, IntervalSet, IOVA_MAX } from "../iova/interval-set.js";
import type { IovaSpace, Piece } from "../iova/iova-space.js";
import { type PageOrigin, Pages } from "../iova/pages.js";
import { frameOf } from "../memory/memory-object.js";
import type { UserMemory } from "../memory/user-memory.js";
import type { Release } from "../uapi/release.js";
import type { Reasons } from "../why/reasons.js";
import {
	allowIovasChecks,
	changeProcessChecks,
	ioasAllocChecks,
	ioasCopyChecks,
	ioasMapChecks,
	ioasMapFileChecks,
	ioasUnmapChecks,
	iovaRangesChecks,
	mapFileChecks,
	mapOriginChecks,
	noiommuGetPaChecks,
	pieceChecks,
} from "./checks/ioas.js";
import type { Command } from "./command.js";
import { Ioas } from "./ioas.js";

const SYZ = mock_flags_access.MOCK_FLAGS_ACCESS_SYZ;
/** bytes that a mapping can have: less than all memory by a page */
const LONGEST = IOVA_MAX - 0x1000n;
const MAP_FLAGS = MAP.IOMMU_IOAS_MAP_FIXED_IOVA | MAP.IOMMU_IOAS_MAP_WRITEABLE | MAP.IOMMU_IOAS_MAP_READABLE;

function findIoas(command: Command, id: number): Ioas | undefined {
	return command.context.find(id, "ioas");
}

export function ioasAlloc(command: Command): Ret {
	const at = iommu_ioas_alloc.offsets;
	if (command.u32(at.flags) !== 0) return command.fail(ioasAllocChecks.flags, command.u32(at.flags));
	const ioas = new Ioas(command.context);
	command.setU32(at.out_ioas_id, ioas.id);
	const rc = command.respond();
	if (rc < 0) command.context.abort(ioas);
	else command.context.finalize(ioas);
	return rc;
}

export function ioasIovaRanges(command: Command): Ret {
	const at = iommu_ioas_iova_ranges.offsets;
	if (command.u32(at.__reserved) !== 0) return command.fail(iovaRangesChecks.reservedWord, command.u32(at.__reserved));
	const ioas = findIoas(command, command.u32(at.ioas_id));
	if (ioas === undefined) return command.fail(iovaRangesChecks.noIoas, command.u32(at.ioas_id));
	const room = command.u32(at.num_iovas);
	const uptr = command.u64(at.allowed_iovas);
	const ranges = ioas.space.freeRanges();
	const fitting = Math.min(room, ranges.length);
	for (let i = 0; i < fitting; i++) {
		const bytes = iommu_iova_range.encode(ranges[i]);
		const addr = uptr + BigInt(i * bytes.length);
		if (command.process.memory.write(addr, bytes) < 0)
			return command.fail(iovaRangesChecks.ranges, i, command.fault(addr, bytes.length, true));
	}
	command.setU32(at.num_iovas, ranges.length);
	command.setU64(at.out_iova_alignment, ioas.space.alignment);
	const rc = command.respond();
	if (rc < 0) return rc;
	return ranges.length > room ? command.fail(iovaRangesChecks.tooShort, ranges.length, room) : 0;
}

export function ioasAllowIovas(command: Command): Ret {
	const at = iommu_ioas_allow_iovas.offsets;
	if (command.u32(at.__reserved) !== 0) return command.fail(allowIovasChecks.reservedWord, command.u32(at.__reserved));
	const ioas = findIoas(command, command.u32(at.ioas_id));
	if (ioas === undefined) return command.fail(allowIovasChecks.noIoas, command.u32(at.ioas_id));
	const count = command.u32(at.num_iovas);
	const uptr = command.u64(at.allowed_iovas);
	const ranges = new IntervalSet<Interval>();
	const bytes = new Uint8Array(iommu_iova_range.size);
	for (let i = 0; i < count; i++) {
		const addr = uptr + BigInt(i * bytes.length);
		if (command.process.memory.read(addr, bytes) < 0)
			return command.fail(allowIovasChecks.ranges, i, command.fault(addr, bytes.length, false));
		const range = iommu_iova_range.decode(bytes);
		if (range.start >= range.last || ranges.first(range.start, range.last) !== undefined)
			return command.fail(allowIovasChecks.badRange, i, range.start, range.last);
		ranges.insert(range);
	}
	return ioas.space.setAllowed([...ranges]);
}

/** Map pieces according to the flags of MAP, MAP_FILE and COPY. The IOVA, or minus the errno. */
export function mapPieces(space: IovaSpace, pieces: readonly Piece[], flags: number, iova: bigint): bigint {
	const writable = (flags & MAP.IOMMU_IOAS_MAP_WRITEABLE) !== 0;
	const readable = (flags & MAP.IOMMU_IOAS_MAP_READABLE) !== 0;
	const fixed = (flags & MAP.IOMMU_IOAS_MAP_FIXED_IOVA) !== 0;
	return space.map(pieces, fixed ? iova : undefined, { readable, writable });
}

/** The memory of a MAP call as one piece, or minus the errno. */
export function newPiece(
	origin: PageOrigin,
	length: bigint,
	writable: boolean,
	reasons: Reasons,
	release: Release | undefined,
): Piece | Ret {
	if (length === 0n) return reasons.fail(pieceChecks.lengthZero);
	const ends = origin.type !== "user" || origin.uptr + length <= IOVA_MAX;
	if (!ends && !release?.lacks(length > LONGEST ? "map.length-first" : "map.address-end"))
		return reasons.fail(pieceChecks.addressEnd, length, (origin as { uptr: bigint }).uptr);
	if (length > LONGEST) return reasons.fail(pieceChecks.tooLong, length);
	const pages = new Pages(origin, length, writable);
	return { pages, startByte: BigInt(pages.offset), length };
}

function mapOrigin(
	command: Command,
	at: { flags: number; ioas_id: number; length: number; iova: number },
	origin: () => PageOrigin | Ret,
): Ret {
	const flags = command.u32(at.flags);
	const iova = command.u64(at.iova);
	const length = command.u64(at.length);
	if (iova === IOVA_MAX || length === IOVA_MAX) return command.fail(mapOriginChecks.overflow, iova, length);
	const writable = (flags & MAP.IOMMU_IOAS_MAP_WRITEABLE) !== 0;
	if (!writable && !(flags & MAP.IOMMU_IOAS_MAP_READABLE)) return command.fail(mapOriginChecks.noAccess, flags);
	const ioas = findIoas(command, command.u32(at.ioas_id));
	if (ioas === undefined) return command.fail(mapOriginChecks.noIoas, command.u32(at.ioas_id));
	const from = origin();
	if (typeof from === "number") return from;
	const piece = newPiece(from, length, writable, command.process.reasons, command.context.system.release);
	if (typeof piece === "number") return piece;
	piece.pages.owner = command.process.memory;
	const result = mapPieces(ioas.space, [piece], flags, iova);
	if (result < 0n) return Number(result);
	command.setU64(at.iova, result);
	return command.respond();
}

export function ioasMap(command: Command): Ret {
	const at = iommu_ioas_map.offsets;
	const unknown = command.u32(at.flags) & ~MAP_FLAGS;
	if (unknown) return command.fail(ioasMapChecks.flags, command.u32(at.flags), unknown >>> 0);
	if (command.u32(at.__reserved) !== 0) return command.fail(ioasMapChecks.reservedWord, command.u32(at.__reserved));
	return mapOrigin(command, at, () => ({
		type: "user",
		memory: command.process.memory,
		uptr: command.u64(at.user_va),
	}));
}

export function ioasMapFile(command: Command): Ret {
	const at = iommu_ioas_map_file.offsets;
	const unknown = command.u32(at.flags) & ~MAP_FLAGS;
	if (unknown) return command.fail(ioasMapFileChecks.flags, command.u32(at.flags), unknown >>> 0);
	return mapOrigin(command, at, () => {
		const length = command.u64(at.length);
		const start = command.u64(at.start);
		if (length === 0n) return command.fail(mapFileChecks.fileLengthZero);
		if (start + length - 1n > IOVA_MAX) return command.fail(mapFileChecks.fileEnd, length, start);
		// Any file is accepted until its pages are needed.
		const file = command.process.file(command.s32(at.fd));
		if (file === undefined) return command.fail(mapFileChecks.noFile, command.s32(at.fd));
		if (file.deviceMemory?.revoked) return command.fail(mapFileChecks.revoked, command.s32(at.fd));
		if ((file.deviceMemory?.ranges ?? 1) > 1) return command.fail(mapFileChecks.dmabufRanges, file.deviceMemory?.ranges ?? 0);
		if (file.deviceMemory !== undefined && start + length > file.deviceMemory.length)
			return command.fail(mapFileChecks.dmabufEnd, length, start, file.deviceMemory.length);
		return { type: "file", file, start };
	});
}

export function ioasCopy(command: Command): Ret {
	const at = iommu_ioas_copy.offsets;
	if (command.context.selftest) countedAreaToIova(command);
	const flags = command.u32(at.flags);
	if (flags & ~MAP_FLAGS) return command.fail(ioasCopyChecks.flags, flags, (flags & ~MAP_FLAGS) >>> 0);
	const length = command.u64(at.length);
	const dstIova = command.u64(at.dst_iova);
	const srcIova = command.u64(at.src_iova);
	if (length === IOVA_MAX || dstIova === IOVA_MAX || srcIova === IOVA_MAX)
		return command.fail(ioasCopyChecks.overflow, dstIova, srcIova, length);
	if (!(flags & (MAP.IOMMU_IOAS_MAP_WRITEABLE | MAP.IOMMU_IOAS_MAP_READABLE))) return command.fail(ioasCopyChecks.noAccess, flags);
	const source = findIoas(command, command.u32(at.src_ioas_id));
	if (source === undefined) return command.fail(ioasCopyChecks.noSource, command.u32(at.src_ioas_id));
	const pieces = source.space.pieces(srcIova, length);
	if (typeof pieces === "number") return pieces;
	const target = findIoas(command, command.u32(at.dst_ioas_id));
	if (target === undefined) return command.fail(ioasCopyChecks.noTarget, command.u32(at.dst_ioas_id));
	const result = mapPieces(target.space, pieces, flags, dstIova);
	if (result < 0n) return Number(result);
	command.setU64(at.dst_iova, result);
	return command.respond();
}

/**
 * With the selftest driver, fuzzers can name an area of the source by its index: the flag SYZ is cleared in the struct,
 * and src_iova (low word: index of the area, high word: offset in it) becomes an IOVA, 0 if there is no such area.
 */
function countedAreaToIova(command: Command): void {
	const at = iommu_ioas_copy.offsets;
	const flags = command.u32(at.flags);
	if (!(flags & SYZ)) return;
	command.setU32(at.flags, flags & ~SYZ);
	const source = findIoas(command, command.u32(at.src_ioas_id));
	if (source !== undefined) command.setU64(at.src_iova, countedIova(source.space, command.u64(at.src_iova)));
}

export function ioasUnmap(command: Command): Ret {
	const at = iommu_ioas_unmap.offsets;
	const ioas = findIoas(command, command.u32(at.ioas_id));
	if (ioas === undefined) return command.fail(ioasUnmapChecks.noIoas, command.u32(at.ioas_id));
	const iova = command.u64(at.iova);
	const length = command.u64(at.length);
	const all = iova === 0n && length === IOVA_MAX;
	if (!all) {
		if (iova === IOVA_MAX || length === IOVA_MAX) return command.fail(ioasUnmapChecks.overflow, iova, length);
		if (length === 0n) return command.fail(ioasUnmapChecks.lengthZero);
		if (iova + length - 1n > IOVA_MAX) return command.fail(ioasUnmapChecks.end, length, iova);
	}
	const { rc, done } = ioas.space.unmap(iova, all ? IOVA_MAX : iova + length - 1n);
	if (rc < 0) return rc;
	if (done === 0n && !all) return command.fail(ioasUnmapChecks.nothingMapped, iova, iova + length - 1n);
	command.setU64(at.length, done);
	return command.respond();
}

export function ioasChangeProcess(command: Command): Ret {
	if (command.u32(4) !== 0) return command.fail(changeProcessChecks.reservedWord, command.u32(4));
	for (const object of command.context.objects) {
		if (!(object instanceof Ioas)) continue;
		for (const area of object.space.areas)
			if (area.pages.origin.type !== "file" || area.pages.isDevice)
				return command.fail(changeProcessChecks.notFile, area.start, object.id, area.pages.isDevice ? "a DMA-buf" : "memory, not a file");
	}
	// The caller accounts for the pinned pages from now on.
	const moved: { readonly pages: Pages; readonly from: UserMemory | undefined }[] = [];
	for (const object of command.context.objects) {
		if (!(object instanceof Ioas)) continue;
		for (const { pages } of object.space.areas) {
			const from = pages.owner;
			if (pages.moveTo(command.process.memory)) moved.push({ pages, from });
			else {
				for (const each of moved.reverse()) each.pages.moveTo(each.from);
				return command.fail(changeProcessChecks.lockLimit, pages.pinnedCount);
			}
		}
	}
	return 0;
}

/** IOMMU_IOAS_NOIOMMU_GET_PA: the physical address behind an IOVA, and the bytes from there to the end of its page. */
export function ioasNoiommuGetPa(command: Command): Ret {
	const at = iommu_ioas_noiommu_get_pa.offsets;
	if (command.u32(at.flags) !== 0 || command.u32(at.__reserved) !== 0)
		return command.fail(noiommuGetPaChecks.flags, command.u32(at.flags), command.u32(at.__reserved));
	const iova = command.u64(at.iova);
	const length = command.u64(at.length);
	if (length === 0n) return command.fail(noiommuGetPaChecks.lengthZero);
	if (iova === IOVA_MAX) return command.fail(noiommuGetPaChecks.overflow, iova);
	const ioas = findIoas(command, command.u32(at.ioas_id));
	if (ioas === undefined) return command.fail(noiommuGetPaChecks.noIoas, command.u32(at.ioas_id));
	const area = ioas.space.find(iova);
	if (area === undefined) return command.fail(noiommuGetPaChecks.nothingMapped, iova);
	if (!ioas.hwpts.some((hwpt) => hwpt.domain.noIommu)) return command.fail(noiommuGetPaChecks.translated, ioas.id);
	const byte = area.byte(iova);
	const page = area.pages.pinnedPage(Number(byte >> 12n));
	if (page === undefined) return command.fail(noiommuGetPaChecks.notPinned, iova);
	const inPage = byte & 0xfffn;
	const ends = [length, 0x1000n - inPage, area.last - iova + 1n];
	command.setU64(at.out_phys, (BigInt(frameOf(page.object, page.page)) << 12n) + inPage);
	command.setU64(
		at.length,
		ends.reduce((a, b) => (b < a ? b : a)),
	);
	return command.respond();
}
