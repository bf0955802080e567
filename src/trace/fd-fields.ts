import { ioctlByRequest, iommu_test_cmd, iommu_test_op } from "../../structs/index.js";

/** Offsets of the fields of an ioctl's struct that hold a file's number: given, or made by the call. */
export interface FdFields {
	readonly in: readonly number[];
	readonly out: readonly number[];
}

/** VFIO group calls, which are no part of iommufd and have no struct: a pointer to a file's number; a file returned. */
export const VFIO_GROUP_SET_CONTAINER = 0x3b68;
export const VFIO_GROUP_GET_DEVICE_FD = 0x3b6a;

const NONE: FdFields = { in: [], out: [] };
const at = iommu_test_cmd.offsets;
const ACCESS: FdFields = { in: [at.id], out: [] };
/** The test command's fields mean something else with every operation. An access's number is in `id`. */
const TEST_COMMANDS: ReadonlyMap<number, FdFields> = new Map([
	[iommu_test_op.IOMMU_TEST_OP_CREATE_ACCESS, { in: [], out: [at["create_access.out_access_fd"]] }],
	[iommu_test_op.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, ACCESS],
	[iommu_test_op.IOMMU_TEST_OP_ACCESS_PAGES, ACCESS],
	[iommu_test_op.IOMMU_TEST_OP_ACCESS_RW, ACCESS],
	[iommu_test_op.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, ACCESS],
	[iommu_test_op.IOMMU_TEST_OP_DMABUF_REVOKE, { in: [at["dmabuf_revoke.dmabuf_fd"]], out: [] }],
]);

const known = new Map<number, FdFields>([[VFIO_GROUP_SET_CONTAINER, { in: [0], out: [] }]]);

/** Where the files are in a call's struct as given. Offsets beyond the bytes are left out. */
export function fdFields(request: number, bytes: Uint8Array): FdFields {
	const fields = declared(request, bytes);
	if (fields === NONE) return NONE;
	const fits = (offset: number) => offset + 4 <= bytes.length;
	return { in: fields.in.filter(fits), out: fields.out.filter(fits) };
}

function declared(request: number, bytes: Uint8Array): FdFields {
	const type = ioctlByRequest(request)?.struct;
	if (type?.name === iommu_test_cmd.name) {
		if (bytes.length < at.op + 4) return NONE;
		return TEST_COMMANDS.get(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at.op, true)) ?? NONE;
	}
	let fields = known.get(request);
	if (fields === undefined) {
		const fds = type?.leaves.filter((field) => field.role === "fd") ?? [];
		const offsets = (dir: "in" | "out") => fds.filter((field) => (field.dir === "out" ? "out" : "in") === dir).map((field) => field.offset);
		fields = fds.length === 0 ? NONE : { in: offsets("in"), out: offsets("out") };
		known.set(request, fields);
	}
	return fields;
}
