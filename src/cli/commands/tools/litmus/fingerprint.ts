/** Tells whether two beginnings of a test left the same state, where all of that can be seen. */
import { iommu_test_cmd, iommu_test_op } from "../../../../../structs/index.js";
import type { LitmusTest } from "../../../../litmus/index.js";
import { inspect, type Sim } from "../../../../sim/index.js";

/** Calls that change nothing but objects, what holds them, and address spaces: `inspect` shows that. */
const visible = new Set([
	"IOMMU_DESTROY",
	"IOMMU_IOAS_ALLOC",
	"IOMMU_IOAS_ALLOW_IOVAS",
	"IOMMU_IOAS_COPY",
	"IOMMU_IOAS_IOVA_RANGES",
	"IOMMU_IOAS_MAP",
	"IOMMU_IOAS_UNMAP",
	"IOMMU_HWPT_ALLOC",
	"IOMMU_VDEVICE_ALLOC",
	"IOMMU_VIOMMU_ALLOC",
]);
const visibleTests = new Set<number>([
	iommu_test_op.IOMMU_TEST_OP_MOCK_DOMAIN,
	iommu_test_op.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
	iommu_test_op.IOMMU_TEST_OP_MD_CHECK_MAP,
	iommu_test_op.IOMMU_TEST_OP_MD_CHECK_REFS,
]);

/** Whether everything that the threads change can be seen. Elsewhere (queues, caches, contents of memory) no state counts as seen. */
export function allVisible({ threads }: LitmusTest): boolean {
	return threads.every(({ calls }) =>
		calls.every(({ op, name, bytes }) => {
			if (op !== "ioctl" || name === undefined || bytes === undefined) return false;
			if (name !== "IOMMU_TEST_CMD") return visible.has(name);
			const at = iommu_test_cmd.offsets.op;
			return visibleTests.has(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true));
		}),
	);
}

/** The objects and address spaces of a kernel, as text. IDs count: a later call can name them. */
export function fingerprint(sim: Sim): string {
	const seen = inspect(sim);
	const contexts = seen.contexts();
	const spaces = contexts.flat().flatMap(({ type, id }) => (type === "ioas" ? [seen.ioas(id)] : []));
	return JSON.stringify([contexts, spaces], (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}
