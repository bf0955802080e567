/** What the pointers in a call's struct point to, and how long that is. */
import {
	type FieldInfo,
	type Ioctl,
	iommu_hwpt_get_dirty_bitmap,
	iommu_hwpt_invalidate,
	iommu_ioas_allow_iovas,
	iommu_ioas_iova_ranges,
	iommu_ioas_map,
	iommu_test_cmd,
	iommu_test_op,
} from "../../structs/index.js";

/** `bytes`: the call reads or writes them; `pages`: it only concerns the memory itself; `mapped`: a device gets at it from now on. */
export interface Target {
	readonly use: "bytes" | "pages" | "mapped";
	readonly addr: bigint;
	/** bytes */
	readonly length: bigint;
	/** the call copies from or to memory that is mapped */
	readonly access?: boolean;
}

const IOVA_RANGE_SIZE = 16n;
const TOKEN_SIZE = 16n;
const PAGE_SIZE = 4096n;

type Fields = (path: string) => bigint;
type Rule = (field: Fields) => readonly Target[];

const bytes = (addr: bigint, length: bigint): Target => ({ use: "bytes", addr, length });
const bitmap = (addr: bigint, length: bigint, pageSize: bigint): Target =>
	bytes(addr, pageSize === 0n ? 0n : (length / pageSize + 7n) / 8n);

const RULES: Readonly<Record<string, Rule>> = {
	IOMMU_IOAS_MAP: (field) => [{ use: "mapped", addr: field("user_va"), length: field("length") }],
	IOMMU_IOAS_IOVA_RANGES: (field) => [bytes(field("allowed_iovas"), field("num_iovas") * IOVA_RANGE_SIZE)],
	IOMMU_IOAS_ALLOW_IOVAS: (field) => [bytes(field("allowed_iovas"), field("num_iovas") * IOVA_RANGE_SIZE)],
	IOMMU_HWPT_INVALIDATE: (field) => [bytes(field("data_uptr"), field("entry_len") * field("entry_num"))],
	IOMMU_HWPT_GET_DIRTY_BITMAP: (field) => [bitmap(field("data"), field("length"), field("page_size"))],
	VFIO_IOMMU_MAP_DMA: (field) => [{ use: "mapped", addr: field("vaddr"), length: field("size") }],
	VFIO_DEVICE_BIND_IOMMUFD: (field) => ((field("flags") & 1n) === 0n ? [] : [bytes(field("token_uuid_ptr"), TOKEN_SIZE)]),
};

const op = iommu_test_op;
const TESTS: Readonly<Record<number, Rule>> = {
	[op.IOMMU_TEST_OP_MD_CHECK_MAP]: (field) => [{ use: "pages", addr: field("check_map.uptr"), length: field("check_map.length") }],
	[op.IOMMU_TEST_OP_MD_CHECK_REFS]: (field) => [{ use: "pages", addr: field("check_refs.uptr"), length: field("check_refs.length") }],
	[op.IOMMU_TEST_OP_ACCESS_PAGES]: (field) => [{ use: "pages", addr: field("access_pages.uptr"), length: field("access_pages.length") }],
	[op.IOMMU_TEST_OP_ACCESS_RW]: (field) => [{ ...bytes(field("access_rw.uptr"), field("access_rw.length")), access: true }],
	[op.IOMMU_TEST_OP_DIRTY]: (field) => [bitmap(field("dirty.uptr"), field("dirty.length"), field("dirty.page_size"))],
};

/** Which of them these rules have fields of: misspelt paths are found here, not in use. */
export const STRUCTS = [iommu_ioas_map, iommu_ioas_iova_ranges, iommu_ioas_allow_iovas, iommu_hwpt_invalidate, iommu_hwpt_get_dirty_bitmap];

/** What the argument of a call points to. Fields beyond `arg` are 0. */
export function targetsOf(ioctl: Ioctl | undefined, arg: Buffer): readonly Target[] {
	const struct = ioctl?.struct;
	if (ioctl === undefined || !struct) return [];
	const field: Fields = (path) => {
		const leaf = struct.leaves.find((each: FieldInfo) => each.path === path || each.path === `$op.${path}`);
		return leaf === undefined ? 0n : valueAt(arg, leaf);
	};
	const rule =
		ioctl.name === "IOMMU_TEST_CMD" ? TESTS[Number(valueAt(arg, { offset: iommu_test_cmd.offsets.op, size: 4 }))] : RULES[ioctl.name];
	const targets = rule?.(field) ?? (ioctl.name === "IOMMU_TEST_CMD" ? [] : pairsOf(struct.leaves, arg));
	return targets.filter(({ addr, length }) => addr !== 0n && length > 0n);
}

/** Pointers whose names say which field has their length: `data_uptr` and `data_len`. */
function pairsOf(leaves: readonly FieldInfo[], arg: Buffer): Target[] {
	return leaves.flatMap((pointer) => {
		const name = pointer.role === "ptr" ? /^(.*?)_?(?:uptr|ptr|uaddr)$/.exec(pointer.path)?.[1] : undefined;
		const length = name && leaves.find(({ path }) => [`${name}_len`, `${name}_length`, `${name}_size`].includes(path));
		return length ? [bytes(valueAt(arg, pointer), valueAt(arg, length))] : [];
	});
}

function valueAt(arg: Buffer, { offset, size }: Pick<FieldInfo, "offset" | "size">): bigint {
	if (offset + size > arg.length) return 0n;
	return size === 8 ? arg.readBigUInt64LE(offset) : BigInt(arg.readUIntLE(offset, Math.min(size, 6)));
}

/** The first and the last page (exclusive) of a piece of memory; none where it ends beyond all addresses. */
export function pagesOf(addr: bigint, length: bigint): { readonly first: number; readonly end: number } | undefined {
	const end = addr + length + PAGE_SIZE - 1n;
	return end >= 1n << 57n ? undefined : { first: Number(addr / PAGE_SIZE), end: Number(end / PAGE_SIZE) };
}
