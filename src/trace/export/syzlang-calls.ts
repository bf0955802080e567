/** Descriptions for syzkaller of every call, from the declarations: which variants each has, and what its pointers point to. */
import * as uapi from "../../../structs/index.js";
import { allCalls, defines, everyCall, type FieldInfo, type Ioctl, iommu_test_cmd, iommu_test_op } from "../../../structs/index.js";
import { type Pointee, type SyzCall, type SyzOptions, syzCall, syzCalls } from "./syz-calls.js";

type Variants = Readonly<Record<string, SyzOptions>>;

/** What a pointer to vendor data points to. */
const data = (type: uapi.StructType, more: Partial<Pointee> = {}): readonly Pointee[] => [
	{ field: "data_uptr", type, length: "data_len", ...more } as Pointee,
];
const entries = (type: uapi.StructType): readonly Pointee[] => [{ field: "data_uptr", type, count: "entry_num" }];
const ranges = (out: boolean): readonly Pointee[] => [{ field: "allowed_iovas", type: uapi.iommu_iova_range, count: "num_iovas", out }];
const n = (value: number): bigint => BigInt(value);

const table = uapi.iommu_hwpt_data_type;
const info = uapi.iommu_hw_info_type;
const hwInfo = ["size", "flags", "dev_id", "data_len", "data_uptr", "in_data_type", "out_max_pasid_log2", "__reserved", "out_capabilities"];
const ofType = (type: number, struct: uapi.StructType): SyzOptions => ({
	fields: hwInfo,
	when: { flags: n(uapi.iommufd_hw_info_flags.IOMMU_HW_INFO_FLAG_INPUT_TYPE), in_data_type: n(type) },
	pointees: data(struct, { out: true }),
});
const invalidate = (type: number, struct: uapi.StructType, kind: string): SyzOptions => ({
	when: { data_type: n(type), entry_len: n(struct.size) },
	pointees: entries(struct),
	kind,
});

/** By call and then by what follows its name; a call without an entry has one form, and so has "". */
const VARIANTS: Readonly<Record<string, Variants>> = {
	IOMMU_IOAS_IOVA_RANGES: { "": { pointees: ranges(true) } },
	IOMMU_IOAS_ALLOW_IOVAS: { "": { pointees: ranges(false) } },
	IOMMU_IOAS_MAP: {
		"": { pointees: [{ field: "user_va", length: "length" }] },
		PAGES: { pointees: [{ field: "user_va", length: "length", pages: true }] },
	},
	IOMMU_IOAS_UNMAP: { "": {}, ALL: { when: { iova: 0n, length: (1n << 64n) - 1n } } },
	IOMMU_OPTION: {
		IOMMU_OPTION_RLIMIT_MODE: { when: { option_id: 0n, object_id: 0n } },
		IOMMU_OPTION_HUGE_PAGES: { when: { option_id: 1n } },
	},
	IOMMU_VFIO_IOAS: { GET: { when: { op: 0n } }, SET: { when: { op: 1n } }, CLEAR: { when: { ioas_id: 0n, op: 2n } } },
	IOMMU_HWPT_ALLOC: {
		NONE: { when: { data_type: n(table.IOMMU_HWPT_DATA_NONE) }, pointees: [{ field: "data_uptr", length: "data_len" }] },
		VTD_S1: { when: { data_type: n(table.IOMMU_HWPT_DATA_VTD_S1) }, pointees: data(uapi.iommu_hwpt_vtd_s1) },
		ARM_SMMUV3: { when: { data_type: n(table.IOMMU_HWPT_DATA_ARM_SMMUV3) }, pointees: data(uapi.iommu_hwpt_arm_smmuv3) },
		AMD_GUEST: { when: { data_type: n(table.IOMMU_HWPT_DATA_AMD_GUEST) }, pointees: data(uapi.iommu_hwpt_amd_guest) },
		TEST: { when: { data_type: n(defines.IOMMU_HWPT_DATA_SELFTEST) }, pointees: data(uapi.iommu_hwpt_selftest) },
	},
	IOMMU_GET_HW_INFO: {
		"": {
			fields: hwInfo.map((path) => (path === "in_data_type" ? "out_data_type" : path)),
			when: { flags: 0n },
			pointees: [{ field: "data_uptr", length: "data_len", out: true }],
		},
		INTEL_VTD: ofType(info.IOMMU_HW_INFO_TYPE_INTEL_VTD, uapi.iommu_hw_info_vtd),
		ARM_SMMUV3: ofType(info.IOMMU_HW_INFO_TYPE_ARM_SMMUV3, uapi.iommu_hw_info_arm_smmuv3),
		TEGRA241_CMDQV: ofType(info.IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV, uapi.iommu_hw_info_tegra241_cmdqv),
		AMD: ofType(info.IOMMU_HW_INFO_TYPE_AMD, uapi.iommu_hw_info_amd),
		TEST: ofType(defines.IOMMU_HW_INFO_TYPE_SELFTEST, uapi.iommu_test_hw_info),
	},
	IOMMU_HWPT_GET_DIRTY_BITMAP: { "": { pointees: [{ field: "data", out: true }] } },
	IOMMU_HWPT_INVALIDATE: {
		VTD_S1: invalidate(0, uapi.iommu_hwpt_vtd_s1_invalidate, "hwpt"),
		ARM_SMMUV3: invalidate(1, uapi.iommu_viommu_arm_smmuv3_invalidate, "viommu"),
		TEST: invalidate(defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, uapi.iommu_hwpt_invalidate_selftest, "hwpt"),
		VIOMMU_TEST: invalidate(defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, uapi.iommu_viommu_invalidate_selftest, "viommu"),
	},
	IOMMU_VIOMMU_ALLOC: {
		ARM_SMMUV3: { when: { type: 1n }, pointees: [{ field: "data_uptr", length: "data_len" }] },
		TEGRA241_CMDQV: { when: { type: 2n }, pointees: data(uapi.iommu_viommu_tegra241_cmdqv, { out: true }) },
		TEST: { when: { type: n(defines.IOMMU_VIOMMU_TYPE_SELFTEST) }, pointees: data(uapi.iommu_viommu_selftest, { both: true }) },
	},
	VFIO_IOMMU_MAP_DMA: { "": { pointees: [{ field: "vaddr", length: "size" }] } },
	VFIO_DEVICE_BIND_IOMMUFD: {
		"": { when: { flags: 0n, token_uuid_ptr: 0n } },
		TOKEN: { when: { flags: 1n }, pointees: [{ field: "token_uuid_ptr" }] },
	},
};

/** VFIO's calls that iommufd does not answer and that have no struct here. */
const NOT_DESCRIBED = /^VFIO_(?:IOMMU_(?:ENABLE|DISABLE|DIRTY_PAGES)|DEVICE_(?:QUERY_GFX_PLANE|GET_GFX_DMABUF|IOEVENTFD))$/;

/** Every call of the declarations and of headers, in all its variants. */
export function syzlangCalls(): SyzCall[] {
	const calls = [...new Set([...allCalls(), ...everyCall()])].filter(({ name }) => !NOT_DESCRIBED.test(name));
	return calls.flatMap((ioctl) => (ioctl.name === "IOMMU_TEST_CMD" ? testCalls(ioctl) : variantsOf(ioctl)));
}

const OBJECTS = ["ioas", "hwpt", "device", "fault", "viommu", "vdevice", "veventq", "hw_queue", "stdev"];

/** Destroying each kind of object, a header's too. */
function destroying(): Variants {
	const headers = allCalls().filter(({ header }) => header !== undefined);
	const made = headers.flatMap(({ struct }) => struct?.leaves.filter(({ role, dir }) => role === "id" && dir === "out") ?? []);
	const kinds = new Set([...OBJECTS, ...made.map(({ name }) => name.replace(/^out_/, "").replace(/_?id$/, ""))]);
	for (const other of ["dev", "idev"]) kinds.delete(other);
	return Object.fromEntries([...kinds].filter((kind) => kind !== "").map((kind) => [kind, { kind }]));
}

function variantsOf(ioctl: Ioctl): SyzCall[] {
	const name = syzCalls.some((call) => call.name === `IOMMU_${ioctl.name}`) ? `IOMMU_${ioctl.name}` : ioctl.name;
	if (ioctl.name === "VFIO_DEVICE_FEATURE" && ioctl.struct === null) return variantsOf({ ...ioctl, struct: uapi.vfio_device_feature });
	if (ioctl.struct === null) return [syzCall(name, ioctl, { argument: takesNumber(ioctl.name) ? "value" : "none" })];
	const fields = shown(ioctl.struct.leaves);
	const paths = fields.map(({ path }) => path);
	const variants = ioctl.name === "IOMMU_DESTROY" ? destroying() : (VARIANTS[ioctl.name] ?? { "": { pointees: guessed(fields) } });
	const made = Object.entries(variants).map(([suffix, options]) =>
		syzCall(suffix === "" ? name : `${name}$${suffix}`, ioctl, { fields: paths, ...options }),
	);
	return [...made, ...syzCalls.filter((call) => call.other && call.ioctl.name === ioctl.name)];
}

const takesNumber = (name: string): boolean => name === "VFIO_SET_IOMMU" || name === "VFIO_CHECK_EXTENSION";

/** Of members that overlap, the largest; fields without bytes only if they end the struct. */
function shown(leaves: readonly FieldInfo[]): FieldInfo[] {
	const kept: FieldInfo[] = [];
	for (const leaf of leaves) {
		const at = kept.findIndex(
			(one) => leaf.bits === undefined && leaf.offset < one.offset + one.size && one.offset < leaf.offset + leaf.size,
		);
		if (at < 0) kept.push(leaf);
		else if (leaf.size > kept[at].size) kept[at] = leaf;
	}
	return kept;
}

/** A header's pointers, with the lengths that their names go with: `req_uptr` and `req_len`. */
function guessed(fields: readonly FieldInfo[]): Pointee[] {
	return fields
		.filter(({ role }) => role === "ptr")
		.map(({ path, name }) => {
			const base = name.replace(/_?(?:uptr|ptr|va)$/, "");
			const length = fields.find((one) => one.name === `${base}_len` || one.name === `${base}_size`);
			return { field: path, ...(length && { length: length.path }), both: true } as Pointee;
		});
}

/** The selftest driver's operations: by the union's member that each reads. */
function testCalls(ioctl: Ioctl): SyzCall[] {
	const common = ["size", "op", "id", "__reserved"];
	const made = iommu_test_cmd.fields.flatMap((member) => {
		const [name] = Object.entries(iommu_test_op).find(([, value]) => member.when?.value === value) ?? [];
		if (name === undefined || member.fields === undefined) return [];
		const inner = member.fields.map(({ path }) => path);
		const uptr = inner.find((path) => path.endsWith(".uptr"));
		const length = inner.find((path) => path.endsWith(".length"));
		// A pointer would have the pages compared with other memory: 0 asks for no comparison.
		const compared = name === "IOMMU_TEST_OP_ACCESS_PAGES";
		const pointees: Pointee[] = uptr === undefined || compared ? [] : [{ field: uptr, ...(name !== "IOMMU_TEST_OP_DIRTY" && { length }) }];
		const when = { op: n(iommu_test_op[name as keyof typeof iommu_test_op]), ...(compared && { [`${uptr}`]: 0n }) };
		return [syzCall(name, ioctl, { fields: [...common, ...inner], when, pointees })];
	});
	return [...made, ...syzCalls.filter((call) => call.other && call.ioctl.name === ioctl.name)];
}
