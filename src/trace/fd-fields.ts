/** Where the structs of ioctls hold file descriptors: passed in, or opened by the call. */
import {
	groupCalls,
	type Ioctl,
	ioctlByRequest,
	iommu_test_cmd,
	iommu_test_op,
	isMadeFile,
	type MadeFile,
	vfio_irq_set,
} from "../../structs/index.js";

/** Offsets of the fields of an ioctl's struct that hold a file descriptor: passed in, or made by the call. */
export interface FdFields {
	readonly in: readonly number[];
	readonly out: readonly number[];
	/** what kind of file the call makes */
	readonly makes?: MadeFile["file"];
}

const NONE: FdFields = { in: [], out: [] };
const at = iommu_test_cmd.offsets;
/** Commands of the selftest driver whose `id` is an access's file descriptor. */
const ON_ACCESS: ReadonlySet<number> = new Set([
	iommu_test_op.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
	iommu_test_op.IOMMU_TEST_OP_ACCESS_PAGES,
	iommu_test_op.IOMMU_TEST_OP_ACCESS_RW,
	iommu_test_op.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
]);

const SET_IRQS = 0x3b6e;
/** VFIO_IRQ_SET_DATA_EVENTFD */
const EVENTFD = 4;

/** VFIO_DEVICE_IOEVENTFD: struct vfio_device_ioeventfd has argsz, flags, offset, data, and then the descriptor. */
const IOEVENTFD = 0x3b74;

const known = new Map<number, FdFields>([
	[groupCalls.VFIO_GROUP_SET_CONTAINER, { in: [0], out: [] }],
	[IOEVENTFD, { in: [24], out: [] }],
]);
/** By operation, as the fields of the test command's struct mean something different for each. */
const knownTests = new Map<number, FdFields>();

/** Where the file descriptors are in a call's struct. Offsets beyond the bytes are left out. */
export function fdFields(request: number, bytes: Uint8Array): FdFields {
	const fields = declared(request, bytes);
	if (fields === NONE) return NONE;
	const fits = (offset: number) => offset + 4 <= bytes.length;
	return { ...fields, in: fields.in.filter(fits), out: fields.out.filter(fits) };
}

function declared(request: number, bytes: Uint8Array): FdFields {
	if (request === SET_IRQS) return ofIrqs(bytes);
	const ioctl = ioctlByRequest(request);
	if (ioctl?.name === "IOMMU_TEST_CMD") {
		if (bytes.length < at.op + 4) return NONE;
		const op = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at.op, true);
		return remembered(knownTests, op, () => ofTest(ioctl, op));
	}
	return remembered(known, request, () => (ioctl ? ofCall(ioctl) : NONE));
}

/** VFIO_DEVICE_SET_IRQS: with DATA_EVENTFD, descriptors follow the struct. */
function ofIrqs(bytes: Uint8Array): FdFields {
	if (bytes.length < vfio_irq_set.size) return NONE;
	const { flags, count } = vfio_irq_set.decode(bytes);
	if (!(flags & EVENTFD)) return NONE;
	const given = Math.min(count, Math.floor((bytes.length - vfio_irq_set.size) / 4));
	return { in: Array.from({ length: given }, (_, i) => vfio_irq_set.size + 4 * i), out: [] };
}

function remembered(map: Map<number, FdFields>, key: number, find: () => FdFields): FdFields {
	let fields = map.get(key);
	if (fields === undefined) {
		fields = find();
		map.set(key, fields);
	}
	return fields;
}

function ofTest(ioctl: Ioctl, op: number): FdFields {
	const given = ON_ACCESS.has(op) ? [at.id] : op === iommu_test_op.IOMMU_TEST_OP_DMABUF_REVOKE ? [at["dmabuf_revoke.dmabuf_fd"]] : [];
	return fieldsOf(ioctl, given, op);
}

function ofCall(ioctl: Ioctl): FdFields {
	const given = ioctl.struct?.leaves.filter(({ role, dir }) => role === "fd" && dir !== "out") ?? [];
	return fieldsOf(
		ioctl,
		given.map(({ offset }) => offset),
	);
}

function fieldsOf({ struct, makes }: Ioctl, given: readonly number[], op?: number): FdFields {
	const files = makes?.filter(isMadeFile).filter((made) => made.op === op) ?? [];
	if (given.length === 0 && files.length === 0) return NONE;
	return { in: given, out: files.map(({ fd }) => struct?.offsets[fd] as number), makes: files[0]?.file };
}
