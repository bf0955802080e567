/** A scene of virtual IOMMUs: nested page tables, virtual devices, queues, invalidations, events. */
import {
	defines,
	ioctls,
	iommu_hwpt_invalidate_selftest,
	iommu_hwpt_selftest,
	iommu_viommu_invalidate_selftest,
	iommu_viommu_selftest,
	iommu_test_op as OP,
	type StructType,
} from "../../../structs/index.js";
import type { Known } from "../known.js";
import type { Random } from "../random.js";
import { bytesOf, call, device, FAULT, fault, mapping, memory, NEST_PARENT, PASID, pages, place, type SceneCall, test } from "./common.js";

/** A virtual IOMMU with all that goes with it. */
export function* nested(random: Random, known: Known): Generator<SceneCall> {
	yield* device(random, known);
	const dev = known.last("dev");
	yield call(ioctls.IOMMU_HWPT_ALLOC, { flags: NEST_PARENT, dev_id: dev, pt_id: known.last("ioas") });
	const parent = known.last("hwpt");
	const data = memory(random, known);
	const given: SceneCall["fields"] = random.chance(70) ? { data_len: 24, data_uptr: data } : {};
	yield call(
		ioctls.IOMMU_VIOMMU_ALLOC,
		{ type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id: dev, hwpt_id: parent, ...given },
		bytesOf(iommu_viommu_selftest, { in_data: random.u32() }),
	);
	const viommu = known.last("viommu");
	const virt = BigInt(1 + random.below(3));
	yield call(ioctls.IOMMU_VDEVICE_ALLOC, { viommu_id: viommu, dev_id: dev, virt_id: virt });
	yield call(ioctls.IOMMU_VEVENTQ_ALLOC, {
		viommu_id: viommu,
		type: defines.IOMMU_VEVENTQ_TYPE_SELFTEST,
		veventq_depth: 1 + random.below(4),
	});
	if (random.chance(50)) {
		const [iova, length] = [place(random), pages(random)];
		yield mapping(random, known, iova, length);
		const queue = {
			type: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST,
			index: random.below(3),
			nesting_parent_iova: iova,
			length,
		};
		yield call(ioctls.IOMMU_HW_QUEUE_ALLOC, { viommu_id: viommu, ...queue });
	}
	const faults = random.chance(30);
	if (faults) yield call(ioctls.IOMMU_FAULT_QUEUE_ALLOC, {});
	yield call(
		ioctls.IOMMU_HWPT_ALLOC,
		{
			flags: (faults ? FAULT : 0) | (random.chance(15) ? PASID : 0),
			dev_id: dev,
			pt_id: random.chance(60) ? viommu : parent,
			data_type: defines.IOMMU_HWPT_DATA_SELFTEST,
			data_len: (iommu_hwpt_selftest as unknown as StructType).size,
			data_uptr: data,
			fault_id: faults ? known.last("fault") : 0,
		},
		bytesOf(iommu_hwpt_selftest, { iotlb: random.below(4) }),
	);
	const hwpt = known.last("hwpt");
	yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, known.last("stdev"), { "mock_domain_replace.pt_id": hwpt });
	yield* invalidated(random, known, hwpt, viommu, virt);
	for (let count = random.below(6); count > 0; count--) yield test(OP.IOMMU_TEST_OP_TRIGGER_VEVENT, 0, { "trigger_vevent.dev_id": dev });
	for (let count = faults ? random.below(4) : 0; count > 0; count--) yield fault(random, dev);
}

/** Entries of a nested page table, or commands of a virtual IOMMU, and what they left in the caches. */
export function* invalidated(random: Random, known: Known, hwpt: number, viommu: number, virt: bigint): Generator<SceneCall> {
	const data_uptr = memory(random, known);
	const entry_num = 1 + random.below(3);
	const own = random.chance(50);
	const struct = (own ? iommu_hwpt_invalidate_selftest : iommu_viommu_invalidate_selftest) as unknown as StructType;
	const entry = () =>
		own
			? { flags: random.below(2), iotlb_id: random.below(5) }
			: { flags: random.below(2), vdev_id: random.chance(90) ? Number(virt) : random.below(5), cache_id: random.below(5) };
	const entries = Buffer.concat(Array.from({ length: entry_num }, () => bytesOf(struct, entry())));
	const data_type = own ? defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST : defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST;
	yield call(
		ioctls.IOMMU_HWPT_INVALIDATE,
		{ hwpt_id: own ? hwpt : viommu, data_type, entry_len: struct.size, entry_num, data_uptr },
		entries,
	);
	const id = random.below(4);
	if (own) yield test(OP.IOMMU_TEST_OP_MD_CHECK_IOTLB, hwpt, { "check_iotlb.id": id, "check_iotlb.iotlb": random.below(3) });
	else
		yield test(OP.IOMMU_TEST_OP_DEV_CHECK_CACHE, known.last("dev"), {
			"check_dev_cache.id": id,
			"check_dev_cache.cache": random.pick([0, id + 2]),
		});
}
