/**
 * The iommufd calls that syzkaller describes (sys/linux/dev_iommu.txt as of 2026): their names, which fields of the
 * uAPI's structs they have, in order, and what their pointers point to. Everything else of iommufd has no description.
 */
import {
	defines,
	type FieldInfo,
	type Ioctl,
	type IoctlName,
	ioctlByName,
	iommu_hwpt_invalidate_selftest,
	iommu_hwpt_selftest,
	iommu_iova_range,
	iommu_test_op,
	type StructType,
} from "../../../structs/index.js";

/** What a pointer of a struct points to. */
export interface Pointee {
	/** the pointer's field */
	readonly field: string;
	/** bytes, where there is none */
	readonly type?: StructType;
	/** an array of `type`: as many as this field says */
	readonly count?: string;
	/** bytes: as many as this field says */
	readonly length?: string;
	/** memory as such: whole pages without contents */
	readonly pages?: boolean;
	/** only the kernel writes there */
	readonly out?: boolean;
}

export interface SyzCall {
	/** without `ioctl$` */
	readonly name: string;
	readonly ioctl: Ioctl;
	/** `value`: a number instead of a struct; `none`: no argument at all */
	readonly argument: "struct" | "value" | "none";
	/** the described struct's size in bytes: older ones are shorter than the uAPI's */
	readonly size: number;
	readonly fields: readonly FieldInfo[];
	/** constants that tell this call from others of the same request */
	readonly when: Readonly<Record<string, bigint>>;
	readonly pointees: readonly Pointee[];
	/** text that stands behind the fields, for what the described struct has and the uAPI's has not */
	readonly behind?: string;
	/** the only kind of object that `id` may be */
	readonly kind?: string;
}

interface Options {
	readonly argument?: SyzCall["argument"];
	readonly size?: number;
	readonly fields?: readonly string[];
	readonly when?: Readonly<Record<string, bigint>>;
	readonly pointees?: readonly Pointee[];
	readonly behind?: string;
	readonly kind?: string;
}

const word = (name: string, offset: number): FieldInfo =>
	({
		name,
		path: name,
		type: "u32",
		offset,
		size: 4,
		scalar: { kind: "scalar", name: "u32", size: 4, align: 4, signed: false },
		doc: "",
		dir: "in",
		role: "reserved",
	}) as unknown as FieldInfo;

function call(name: string, ioctlName: IoctlName, options: Options = {}): SyzCall {
	const ioctl = ioctlByName(ioctlName) as Ioctl;
	const struct: StructType | null = ioctl.struct;
	const leaves = struct?.leaves ?? [];
	const fields = (options.fields ?? leaves.map(({ path }) => path)).map((path) =>
		path.startsWith("@") ? word("__reserved", Number(path.slice(1))) : (leaves.find((leaf) => leaf.path === path) as FieldInfo),
	);
	const { argument = "struct", size = struct?.size ?? 0, when = {}, pointees = [], behind, kind } = options;
	return { name, ioctl, argument, size, fields, when, pointees, behind, kind };
}

/** A command of the selftest driver, by the union member that its fields are in. */
function test(op: keyof typeof iommu_test_op, member: string, pointees: readonly Pointee[] = []): SyzCall {
	const struct = ioctlByName("IOMMU_TEST_CMD")?.struct as StructType;
	const inner = struct.leaves.filter(({ path }) => path.startsWith(`${member}.`)).map(({ path }) => path);
	return call(op, "IOMMU_TEST_CMD", {
		fields: ["size", "op", "id", "__reserved", ...inner],
		when: { op: BigInt(iommu_test_op[op]) },
		pointees: pointees.map((one) => ({ ...one, field: `${member}.${one.field}`, length: `${member}.length` })),
	});
}

const ranges = (out: boolean): readonly Pointee[] => [{ field: "allowed_iovas", type: iommu_iova_range, count: "num_iovas", out }];
const all = (1n << 64n) - 1n;
const hwptFields = ["size", "flags", "dev_id", "pt_id", "out_hwpt_id", "__reserved", "data_type", "data_len", "data_uptr"];
const selftestData = BigInt(defines.IOMMU_HWPT_DATA_SELFTEST);
const selftestEntries = BigInt(defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST);

/** All of them; of calls with the same request the first whose `when` holds is meant. */
export const syzCalls: readonly SyzCall[] = [
	call("IOMMU_DESTROY$ioas", "IOMMU_DESTROY", { kind: "ioas" }),
	call("IOMMU_DESTROY$hwpt", "IOMMU_DESTROY", { kind: "hwpt" }),
	call("IOMMU_DESTROY$stdev", "IOMMU_DESTROY", { kind: "stdev" }),
	call("IOMMU_IOAS_ALLOC", "IOMMU_IOAS_ALLOC"),
	call("IOMMU_IOAS_IOVA_RANGES", "IOMMU_IOAS_IOVA_RANGES", { pointees: ranges(true) }),
	call("IOMMU_IOAS_ALLOW_IOVAS", "IOMMU_IOAS_ALLOW_IOVAS", { pointees: ranges(false) }),
	call("IOMMU_IOAS_MAP$PAGES", "IOMMU_IOAS_MAP", { pointees: [{ field: "user_va", length: "length", pages: true }] }),
	call("IOMMU_IOAS_MAP", "IOMMU_IOAS_MAP", { pointees: [{ field: "user_va", length: "length" }] }),
	call("IOMMU_IOAS_COPY", "IOMMU_IOAS_COPY"),
	call("IOMMU_IOAS_UNMAP$ALL", "IOMMU_IOAS_UNMAP", { when: { iova: 0n, length: all } }),
	call("IOMMU_IOAS_UNMAP", "IOMMU_IOAS_UNMAP"),
	call("IOMMU_OPTION$IOMMU_OPTION_RLIMIT_MODE", "IOMMU_OPTION", { when: { option_id: 0n } }),
	call("IOMMU_OPTION$IOMMU_OPTION_HUGE_PAGES", "IOMMU_OPTION", { when: { option_id: 1n } }),
	call("IOMMU_VFIO_IOAS$GET", "IOMMU_VFIO_IOAS", { when: { op: 0n } }),
	call("IOMMU_VFIO_IOAS$SET", "IOMMU_VFIO_IOAS", { when: { op: 1n } }),
	call("IOMMU_VFIO_IOAS$CLEAR", "IOMMU_VFIO_IOAS", { when: { op: 2n } }),
	call("IOMMU_HWPT_ALLOC$NONE", "IOMMU_HWPT_ALLOC", {
		size: 40,
		fields: hwptFields,
		when: { data_type: 0n },
		pointees: [{ field: "data_uptr", length: "data_len" }],
	}),
	call("IOMMU_HWPT_ALLOC$TEST", "IOMMU_HWPT_ALLOC", {
		size: 40,
		fields: hwptFields,
		when: { data_type: selftestData },
		pointees: [{ field: "data_uptr", type: iommu_hwpt_selftest }],
	}),
	call("IOMMU_HWPT_SET_DIRTY_TRACKING", "IOMMU_HWPT_SET_DIRTY_TRACKING"),
	call("IOMMU_HWPT_GET_DIRTY_BITMAP", "IOMMU_HWPT_GET_DIRTY_BITMAP", { pointees: [{ field: "data", out: true }] }),
	call("IOMMU_HWPT_INVALIDATE$TEST", "IOMMU_HWPT_INVALIDATE", {
		when: { data_type: selftestEntries },
		pointees: [{ field: "data_uptr", type: iommu_hwpt_invalidate_selftest, count: "entry_num" }],
	}),
	call("IOMMU_GET_HW_INFO", "IOMMU_GET_HW_INFO", {
		fields: ["size", "flags", "dev_id", "data_len", "data_uptr", "out_data_type", "@28", "out_capabilities"],
		pointees: [{ field: "data_uptr", length: "data_len", out: true }],
	}),
	call("IOMMU_VFIO_GET_API_VERSION", "VFIO_GET_API_VERSION", { argument: "none" }),
	call("IOMMU_VFIO_SET_IOMMU", "VFIO_SET_IOMMU", { argument: "value" }),
	call("IOMMU_VFIO_CHECK_EXTENSION", "VFIO_CHECK_EXTENSION", { argument: "value" }),
	call("IOMMU_VFIO_IOMMU_GET_INFO", "VFIO_IOMMU_GET_INFO", {
		fields: ["argsz", "flags", "iova_pgsizes", "cap_offset"],
		behind: ", {{0x0, 0x0, 0x0}, 0x0}, {{0x0, 0x0, 0x0}, 0x0, 0x0, []}",
	}),
	call("IOMMU_VFIO_IOMMU_MAP_DMA", "VFIO_IOMMU_MAP_DMA", { pointees: [{ field: "vaddr", length: "size" }] }),
	call("IOMMU_VFIO_IOMMU_UNMAP_DMA", "VFIO_IOMMU_UNMAP_DMA", { behind: ", ''" }),
	test("IOMMU_TEST_OP_ADD_RESERVED", "add_reserved"),
	test("IOMMU_TEST_OP_MOCK_DOMAIN", "mock_domain"),
	test("IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS", "mock_domain_flags"),
	test("IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE", "mock_domain_replace"),
	test("IOMMU_TEST_OP_MD_CHECK_MAP", "check_map", [{ field: "uptr" }]),
	test("IOMMU_TEST_OP_MD_CHECK_REFS", "check_refs", [{ field: "uptr" }]),
	test("IOMMU_TEST_OP_CREATE_ACCESS", "create_access"),
	test("IOMMU_TEST_OP_DESTROY_ACCESS_PAGES", "destroy_access_pages"),
	// Its pointer is a constant there: 0, no check of the pages.
	test("IOMMU_TEST_OP_ACCESS_PAGES", "access_pages"),
	test("IOMMU_TEST_OP_ACCESS_RW", "access_rw", [{ field: "uptr" }]),
	test("IOMMU_TEST_OP_ACCESS_REPLACE_IOAS", "access_replace_ioas"),
	test("IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT", "memory_limit"),
];

/** The data area of syzkaller's programs, as their text writes addresses. */
export const SYZ_BASE = 0x7f0000000000n;
export const SYZ_SIZE = 0x1000000n;
