/** The iommufd calls that syzkaller describes (sys/linux/dev_iommu.txt as of 2026). */
// For each: its name, the fields of the uAPI's struct that it has, in order, and what its pointers point to. syzkaller
// does not describe the rest of iommufd.
import {
	defines,
	type FieldInfo,
	type Ioctl,
	type IommuCall,
	ioctls,
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
	/** an array of this type; bytes if absent */
	readonly type?: StructType;
	/** for an array of `type`: the field that holds the number of elements */
	readonly count?: string;
	/** for bytes: the field that holds their number */
	readonly length?: string;
	/** plain memory: whole pages without contents */
	readonly pages?: boolean;
	/** only the kernel writes there */
	readonly out?: boolean;
	/** it reads and writes there */
	readonly both?: boolean;
}

export interface SyzCall {
	/** without `ioctl$` */
	readonly name: string;
	readonly ioctl: Ioctl;
	/** `value`: a number instead of a struct; `none`: no argument at all */
	readonly argument: "struct" | "value" | "none";
	/** the described struct's size in bytes: older structs are shorter than the uAPI's */
	readonly size: number;
	readonly fields: readonly FieldInfo[];
	/** constants that distinguish this call from others with the same request */
	readonly when: Readonly<Record<string, bigint>>;
	/** what a field holds that a program leaves out: a constant, or -1 for a file; 0 for the others, by path */
	readonly defaults: Readonly<Record<string, bigint>>;
	readonly pointees: readonly Pointee[];
	/** text that follows the fields, for fields of the described struct that the uAPI's struct lacks */
	readonly behind?: string;
	/** the only kind of object that `id` may be */
	readonly kind?: string;
	/** its struct ends with any number of bytes */
	readonly rest?: boolean;
	/** reads the same bytes in another way than an earlier one; an export takes that one */
	readonly other?: boolean;
}

export interface SyzOptions {
	readonly argument?: SyzCall["argument"];
	readonly size?: number;
	readonly fields?: readonly string[];
	readonly when?: Readonly<Record<string, bigint>>;
	readonly pointees?: readonly Pointee[];
	readonly constants?: Readonly<Record<string, bigint>>;
	/** fields that hold a file */
	readonly files?: readonly string[];
	readonly behind?: string;
	readonly kind?: string;
	readonly rest?: boolean;
	readonly other?: boolean;
}

/** A word that the uAPI's struct does not have in this form. */
const word = (name: string, offset: number): FieldInfo =>
	({
		name,
		path: `${name}@${offset}`,
		type: "u32",
		offset,
		size: 4,
		scalar: { kind: "scalar", name: "u32", size: 4, align: 4, signed: false },
		doc: "",
		dir: "in",
		role: "reserved",
	}) as unknown as FieldInfo;

/** A description of a call: by default all fields of its struct, without constants. */
export function syzCall(name: string, ioctl: Ioctl, options: SyzOptions): SyzCall {
	const struct: StructType | null = ioctl.struct;
	const leaves = struct?.leaves ?? [];
	const fields = (options.fields ?? leaves.map(({ path }) => path)).map((path) =>
		path.includes("@") ? word(path.split("@")[0], Number(path.split("@")[1])) : (leaves.find((leaf) => leaf.path === path) as FieldInfo),
	);
	const { argument = "struct", size = struct?.size ?? 0, when = {}, pointees = [], constants, files = [], ...rest } = options;
	const defaults = { ...Object.fromEntries(files.map((path) => [path, -1n])), ...when, ...constants };
	return { ...rest, name, ioctl, argument, size, fields, when, defaults, pointees };
}

/** A command of the selftest driver, by the union member that its fields are in. */
function test(
	op: keyof typeof iommu_test_op,
	member: string,
	pointees: readonly Pointee[] = [],
	files: readonly string[] = [],
	constants: Readonly<Record<string, bigint>> = {},
): Record<string, SyzOptions> {
	const inner = ioctls.IOMMU_TEST_CMD.struct.leaves.filter(({ path }) => path.startsWith(`${member}.`)).map(({ path }) => path);
	const options: SyzOptions = {
		files,
		constants,
		fields: ["size", "op", "id", "__reserved", ...inner],
		when: { op: BigInt(iommu_test_op[op]) },
		pointees: pointees.map((one) => ({ ...one, field: `${member}.${one.field}`, length: `${member}.length` })),
	};
	return { [op]: options };
}

/**
 * The form of a call with the flag MOCK_FLAGS_ACCESS_SYZ: instead of `path`, the number of an area (bits 31:0) and an offset in it
 * (bits 63:32).
 */
function byArea(base: Record<string, SyzOptions>, path: string, struct: StructType): Record<string, SyzOptions> {
	const [[name, options]] = Object.entries(base);
	const at = struct.leaves.find((leaf) => leaf.path === path)?.offset ?? 0;
	const all = options.fields ?? struct.leaves.map((leaf) => leaf.path);
	const fields = all.flatMap((one) => (one === path ? [`nth_area@${at}`, `offset@${at + 4}`] : [one]));
	return { [`${name}$syz`]: { ...options, fields, other: true } };
}

const ranges = (out: boolean): readonly Pointee[] => [{ field: "allowed_iovas", type: iommu_iova_range, count: "num_iovas", out }];
const all = (1n << 64n) - 1n;
const hwptFields = ["size", "flags", "dev_id", "pt_id", "out_hwpt_id", "__reserved", "data_type", "data_len", "data_uptr"];
const selftestData = BigInt(defines.IOMMU_HWPT_DATA_SELFTEST);
const selftestEntries = BigInt(defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST);
// Its pointer is a constant there: 0, no check of the pages.
const accessPages = test("IOMMU_TEST_OP_ACCESS_PAGES", "access_pages", [], ["id"], { "access_pages.uptr": 0n });
const accessRw = test("IOMMU_TEST_OP_ACCESS_RW", "access_rw", [{ field: "uptr" }], ["id"]);

/**
 * syzkaller's descriptions of each call, by name; if there are several, the first whose `when` holds applies. A call
 * without an entry has no description.
 */
const described = {
	IOMMU_DESTROY: { IOMMU_DESTROY$ioas: { kind: "ioas" }, IOMMU_DESTROY$hwpt: { kind: "hwpt" }, IOMMU_DESTROY$stdev: { kind: "stdev" } },
	IOMMU_IOAS_ALLOC: { IOMMU_IOAS_ALLOC: {} },
	IOMMU_IOAS_ALLOW_IOVAS: { IOMMU_IOAS_ALLOW_IOVAS: { pointees: ranges(false) } },
	IOMMU_IOAS_COPY: { IOMMU_IOAS_COPY: {}, ...byArea({ IOMMU_IOAS_COPY: {} }, "src_iova", ioctls.IOMMU_IOAS_COPY.struct) },
	IOMMU_IOAS_IOVA_RANGES: { IOMMU_IOAS_IOVA_RANGES: { pointees: ranges(true) } },
	IOMMU_IOAS_MAP: {
		IOMMU_IOAS_MAP$PAGES: { pointees: [{ field: "user_va", length: "length", pages: true }] },
		IOMMU_IOAS_MAP: { pointees: [{ field: "user_va", length: "length" }] },
	},
	IOMMU_IOAS_UNMAP: { IOMMU_IOAS_UNMAP$ALL: { when: { iova: 0n, length: all } }, IOMMU_IOAS_UNMAP: {} },
	IOMMU_OPTION: {
		IOMMU_OPTION$IOMMU_OPTION_RLIMIT_MODE: { when: { option_id: 0n } },
		IOMMU_OPTION$IOMMU_OPTION_HUGE_PAGES: { when: { option_id: 1n } },
	},
	IOMMU_VFIO_IOAS: {
		IOMMU_VFIO_IOAS$GET: { when: { op: 0n } },
		IOMMU_VFIO_IOAS$SET: { when: { op: 1n } },
		IOMMU_VFIO_IOAS$CLEAR: { when: { op: 2n } },
	},
	IOMMU_HWPT_ALLOC: {
		IOMMU_HWPT_ALLOC$NONE: {
			size: 40,
			fields: hwptFields,
			when: { data_type: 0n },
			pointees: [{ field: "data_uptr", length: "data_len" }],
		},
		IOMMU_HWPT_ALLOC$TEST: {
			size: 40,
			fields: hwptFields,
			when: { data_type: selftestData },
			pointees: [{ field: "data_uptr", type: iommu_hwpt_selftest }],
		},
	},
	IOMMU_GET_HW_INFO: {
		IOMMU_GET_HW_INFO: {
			fields: ["size", "flags", "dev_id", "data_len", "data_uptr", "out_data_type", "__reserved@28", "out_capabilities"],
			pointees: [{ field: "data_uptr", length: "data_len", out: true }],
		},
	},
	IOMMU_HWPT_SET_DIRTY_TRACKING: { IOMMU_HWPT_SET_DIRTY_TRACKING: {} },
	IOMMU_HWPT_GET_DIRTY_BITMAP: { IOMMU_HWPT_GET_DIRTY_BITMAP: { pointees: [{ field: "data", out: true }] } },
	IOMMU_HWPT_INVALIDATE: {
		IOMMU_HWPT_INVALIDATE$TEST: {
			when: { data_type: selftestEntries },
			constants: { entry_len: 8n },
			pointees: [{ field: "data_uptr", type: iommu_hwpt_invalidate_selftest, count: "entry_num" }],
		},
	},
	IOMMU_FAULT_QUEUE_ALLOC: {},
	IOMMU_IOAS_MAP_FILE: {},
	IOMMU_VIOMMU_ALLOC: {},
	IOMMU_VDEVICE_ALLOC: {},
	IOMMU_IOAS_CHANGE_PROCESS: {},
	IOMMU_VEVENTQ_ALLOC: {},
	IOMMU_HW_QUEUE_ALLOC: {},
	IOMMU_IOAS_NOIOMMU_GET_PA: {},
	IOMMU_TEST_CMD: {
		...test("IOMMU_TEST_OP_ADD_RESERVED", "add_reserved"),
		...test("IOMMU_TEST_OP_MOCK_DOMAIN", "mock_domain"),
		// Its constant is that of MOCK_DOMAIN there.
		...test("IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS", "mock_domain_flags", [], [], { op: 2n }),
		...test("IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE", "mock_domain_replace"),
		...test("IOMMU_TEST_OP_MD_CHECK_MAP", "check_map", [{ field: "uptr" }]),
		...test("IOMMU_TEST_OP_MD_CHECK_REFS", "check_refs", [{ field: "uptr" }]),
		...test("IOMMU_TEST_OP_CREATE_ACCESS", "create_access", [], ["create_access.out_access_fd"]),
		...test("IOMMU_TEST_OP_DESTROY_ACCESS_PAGES", "destroy_access_pages", [], ["id"]),
		...accessPages,
		...byArea(accessPages, "access_pages.iova", ioctls.IOMMU_TEST_CMD.struct),
		...accessRw,
		...byArea(accessRw, "access_rw.iova", ioctls.IOMMU_TEST_CMD.struct),
		...test("IOMMU_TEST_OP_ACCESS_REPLACE_IOAS", "access_replace_ioas", [], ["id"]),
		...test("IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT", "memory_limit"),
	},
	VFIO_GET_API_VERSION: { IOMMU_VFIO_GET_API_VERSION: { argument: "none" } },
	VFIO_CHECK_EXTENSION: { IOMMU_VFIO_CHECK_EXTENSION: { argument: "value" } },
	VFIO_SET_IOMMU: { IOMMU_VFIO_SET_IOMMU: { argument: "value" } },
	VFIO_DEVICE_GET_INFO: {},
	VFIO_IOMMU_GET_INFO: {
		IOMMU_VFIO_IOMMU_GET_INFO: {
			fields: ["argsz", "flags", "iova_pgsizes", "cap_offset"],
			behind: ", {{0x0, 0x0, 0x0}, 0x0}, {{0x0, 0x0, 0x0}, 0x0, 0x0, []}",
		},
	},
	VFIO_IOMMU_MAP_DMA: { IOMMU_VFIO_IOMMU_MAP_DMA: { pointees: [{ field: "vaddr", length: "size" }] } },
	VFIO_IOMMU_UNMAP_DMA: {
		IOMMU_VFIO_IOMMU_UNMAP_DMA: { fields: ["argsz", "flags", "iova", "size"], behind: ", ''", rest: true },
	},
	VFIO_IOMMU_ENABLE: {},
	VFIO_IOMMU_DISABLE: {},
	VFIO_IOMMU_DIRTY_PAGES: {},
	VFIO_DEVICE_FEATURE: {},
	VFIO_DEVICE_BIND_IOMMUFD: {},
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: {},
	VFIO_DEVICE_DETACH_IOMMUFD_PT: {},
} satisfies Record<IommuCall, Readonly<Record<string, SyzOptions>>>;

/** All of them. */
export const syzCalls: readonly SyzCall[] = Object.entries<Readonly<Record<string, SyzOptions>>>(described).flatMap(([ioctl, calls]) =>
	Object.entries(calls).map(([name, options]) => syzCall(name, ioctls[ioctl as IommuCall], options)),
);

/** The data area of syzkaller's programs, as addressed in their text. */
export const SYZ_BASE = 0x7f0000000000n;
export const SYZ_SIZE = 0x1000000n;
