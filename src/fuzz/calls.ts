/** Picks random ioctls and values for their dependent fields. */
import {
	defines,
	type Ioctl,
	ioctls,
	iommu_hwpt_arm_smmuv3,
	iommu_hwpt_invalidate_selftest,
	iommu_hwpt_selftest,
	iommu_hwpt_vtd_s1,
	iommu_hwpt_vtd_s1_invalidate,
	iommu_iova_range,
	iommu_viommu_arm_smmuv3_invalidate,
	iommu_viommu_invalidate_selftest,
	iommu_viommu_selftest,
	iommu_test_op as OP,
	type StructType,
} from "../../structs/index.js";
import type { Known } from "./known.js";
import type { Random } from "./random.js";

/** The data that a call points to: its type and its struct. */
interface Payload {
	readonly type: number;
	readonly struct: StructType;
}

const as = (type: number, struct: unknown): Payload => ({ type, struct: struct as StructType });

const TABLES = [as(defines.IOMMU_HWPT_DATA_SELFTEST, iommu_hwpt_selftest), as(1, iommu_hwpt_vtd_s1), as(2, iommu_hwpt_arm_smmuv3)];
const INVALIDATIONS = [
	as(defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, iommu_hwpt_invalidate_selftest),
	as(defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, iommu_viommu_invalidate_selftest),
	as(0, iommu_hwpt_vtd_s1_invalidate),
	as(1, iommu_viommu_arm_smmuv3_invalidate),
];
const VIOMMUS = [as(defines.IOMMU_VIOMMU_TYPE_SELFTEST, iommu_viommu_selftest)];

/** Decisions made before a struct is filled: values by field, and the data that the call points to. */
export interface Plan {
	readonly fixed: Record<string, bigint>;
	readonly payload?: { readonly addr: bigint; readonly struct: StructType; readonly count: number };
}

const weights: readonly (readonly [Ioctl, number])[] = [
	[ioctls.IOMMU_TEST_CMD, 34],
	[ioctls.IOMMU_IOAS_MAP, 14],
	[ioctls.IOMMU_IOAS_UNMAP, 5],
	[ioctls.IOMMU_DESTROY, 5],
	[ioctls.IOMMU_HWPT_ALLOC, 10],
	[ioctls.IOMMU_IOAS_ALLOC, 3],
	[ioctls.IOMMU_IOAS_COPY, 4],
	[ioctls.IOMMU_IOAS_MAP_FILE, 4],
	[ioctls.IOMMU_HWPT_INVALIDATE, 4],
	[ioctls.IOMMU_VIOMMU_ALLOC, 3],
	[ioctls.IOMMU_VDEVICE_ALLOC, 3],
	[ioctls.IOMMU_VEVENTQ_ALLOC, 2],
	[ioctls.IOMMU_FAULT_QUEUE_ALLOC, 2],
	[ioctls.IOMMU_HW_QUEUE_ALLOC, 3],
	[ioctls.IOMMU_HWPT_GET_DIRTY_BITMAP, 3],
	[ioctls.IOMMU_HWPT_SET_DIRTY_TRACKING, 2],
	[ioctls.IOMMU_OPTION, 2],
	[ioctls.VFIO_IOMMU_MAP_DMA, 2],
	[ioctls.VFIO_IOMMU_UNMAP_DMA, 2],
];
const everyCall = Object.values<Ioctl>(ioctls);
const often = weights.flatMap(([ioctl, weight]) => new Array<Ioctl>(weight).fill(ioctl));

const ofDevices = everyCall.filter(({ name }) => name.startsWith("VFIO_DEVICE"));

/** Picks a call; those that create objects come more often. `devices`: the machine has VFIO devices and no selftest. */
export function pickIoctl(random: Random, devices: boolean): Ioctl {
	if (devices && random.chance(25)) return random.pick(ofDevices);
	const ioctl = random.chance(88) ? random.pick(often) : random.pick(everyCall);
	return devices && ioctl === ioctls.IOMMU_TEST_CMD && random.chance(90) ? ioctls.IOMMU_IOAS_MAP : ioctl;
}

/** The kind of object that `id` names, by the selftest's operation. */
const TEST_ID: Readonly<Record<number, string>> = {
	[OP.IOMMU_TEST_OP_ADD_RESERVED]: "ioas",
	[OP.IOMMU_TEST_OP_MOCK_DOMAIN]: "ioas",
	[OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS]: "ioas",
	[OP.IOMMU_TEST_OP_CREATE_ACCESS]: "ioas",
	[OP.IOMMU_TEST_OP_MD_CHECK_MAP]: "hwpt",
	[OP.IOMMU_TEST_OP_DIRTY]: "hwpt",
	[OP.IOMMU_TEST_OP_MD_CHECK_IOTLB]: "hwpt",
	[OP.IOMMU_TEST_OP_DEV_CHECK_CACHE]: "dev",
	[OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE]: "stdev",
	[OP.IOMMU_TEST_OP_PASID_ATTACH]: "stdev",
	[OP.IOMMU_TEST_OP_PASID_REPLACE]: "stdev",
	[OP.IOMMU_TEST_OP_PASID_DETACH]: "stdev",
	[OP.IOMMU_TEST_OP_PASID_CHECK_HWPT]: "stdev",
};
const ACCESS: readonly number[] = [
	OP.IOMMU_TEST_OP_ACCESS_PAGES,
	OP.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
	OP.IOMMU_TEST_OP_ACCESS_RW,
	OP.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
];
const testOps = Object.values<number>(OP);

/** Chooses consistent values for fields that depend on each other. */
export function plan(random: Random, known: Known, ioctl: Ioctl): Plan {
	const fixed: Record<string, bigint> = {};
	const data = (payload: Payload, count = 1): Plan => {
		const addr = known.address(random);
		return { fixed, payload: { addr, struct: payload.struct, count } };
	};
	switch (ioctl) {
		case ioctls.IOMMU_TEST_CMD: {
			const op = random.chance(20) ? random.pick([OP.IOMMU_TEST_OP_MOCK_DOMAIN, OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS]) : random.pick(testOps);
			fixed.op = BigInt(op);
			if (ACCESS.includes(op)) fixed.id = BigInt.asUintN(32, BigInt(known.fd(random, "access")));
			else if (TEST_ID[op] !== undefined) fixed.id = BigInt(known.id(random, [TEST_ID[op]]));
			return { fixed };
		}
		case ioctls.IOMMU_IOAS_MAP:
		case ioctls.IOMMU_IOAS_MAP_FILE:
			fixed.flags = BigInt(random.pick([6, 6, 7, 7, 7, 5, 3, 2, random.below(9)]));
			if (ioctl === ioctls.IOMMU_IOAS_MAP_FILE) {
				// A context that maps its own file is never released, so other files are rare.
				fixed.fd = known.first("memfd") >= 0 || random.chance(15) ? BigInt(known.fd(random, "memfd")) : -1n;
				fixed.start = BigInt(random.below(4)) << 12n;
			}
			return { fixed };
		case ioctls.IOMMU_IOAS_UNMAP:
			if (random.chance(3)) return { fixed: { iova: 0n, length: (1n << 64n) - 1n } };
			return { fixed };
		case ioctls.IOMMU_IOAS_COPY:
			fixed.flags = BigInt(random.pick([6, 7, 7, 4, 5, random.below(9)]));
			return { fixed };
		case ioctls.IOMMU_OPTION: {
			const huge = random.chance(60);
			fixed.option_id = BigInt(random.chance(95) ? Number(huge) : random.u32());
			fixed.op = BigInt(random.pick([0, 0, 0, 1, 1, 2]));
			fixed.object_id = huge || random.chance(20) ? BigInt(known.id(random, ["ioas"])) : 0n;
			fixed.val64 = BigInt(random.pick([0, 0, 1, 1, 2]));
			return { fixed };
		}
		case ioctls.IOMMU_VFIO_IOAS:
			fixed.op = BigInt(random.pick([0, 1, 1, 1, 2]));
			return { fixed };
		case ioctls.VFIO_DEVICE_BIND_IOMMUFD:
			fixed.iommufd = BigInt.asUintN(32, BigInt(known.fd(random, "iommufd")));
			fixed.flags = 0n;
			return { fixed };
		case ioctls.IOMMU_DESTROY:
			fixed.id = BigInt(known.id(random, ["ioas", "ioas", "hwpt", "hwpt", "stdev", "fault", "viommu", "vdevice", "veventq", "hw_queue"]));
			return { fixed };
		case ioctls.IOMMU_HWPT_ALLOC:
		case ioctls.IOMMU_VIOMMU_ALLOC: {
			const table = ioctl === ioctls.IOMMU_HWPT_ALLOC;
			const payload = table ? random.pick(random.chance(70) ? TABLES.slice(0, 1) : TABLES) : VIOMMUS[0];
			const none = random.chance(table ? 55 : 40);
			if (!table) fixed.type = random.chance(65) ? BigInt(payload.type) : BigInt(random.below(4));
			else fixed.data_type = none ? 0n : BigInt(payload.type);
			fixed.data_len = none ? 0n : BigInt(random.chance(92) ? payload.struct.size : random.below(64));
			if (table && random.chance(80)) fixed.pt_id = BigInt(known.id(random, none ? ["ioas"] : ["hwpt", "viommu"]));
			// Half of the tables are nesting parents; few set other flags.
			if (table && random.chance(60)) fixed.flags = none && random.chance(60) ? 1n : BigInt(random.pick([0, 0, 2, 4, 8, 10]));
			return none ? { fixed } : data(payload);
		}
		case ioctls.IOMMU_HWPT_INVALIDATE: {
			const payload = random.pick(INVALIDATIONS);
			const count = random.below(5);
			fixed.hwpt_id = BigInt(known.id(random, ["hwpt", "viommu"]));
			fixed.data_type = BigInt(payload.type);
			fixed.entry_len = BigInt(random.chance(90) ? payload.struct.size : random.below(80));
			fixed.entry_num = BigInt(random.chance(95) ? count : random.u32());
			return data(payload, count);
		}
		case ioctls.IOMMU_VDEVICE_ALLOC:
			fixed.virt_id = BigInt(random.below(4));
			return { fixed };
		case ioctls.IOMMU_VEVENTQ_ALLOC:
			fixed.type = BigInt(random.chance(75) ? defines.IOMMU_VEVENTQ_TYPE_SELFTEST : random.below(5));
			fixed.veventq_depth = BigInt(random.chance(90) ? 1 + random.below(6) : random.u32());
			return { fixed };
		case ioctls.IOMMU_HW_QUEUE_ALLOC:
			fixed.type = BigInt(random.chance(90) ? defines.IOMMU_HW_QUEUE_TYPE_SELFTEST : random.below(4));
			fixed.index = BigInt(random.below(3));
			return { fixed };
		case ioctls.IOMMU_IOAS_ALLOW_IOVAS: {
			const count = random.below(3);
			fixed.num_iovas = BigInt(random.chance(95) ? count : random.below(100));
			return data(as(0, iommu_iova_range), count);
		}
		default:
			return { fixed };
	}
}
