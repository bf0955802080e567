/** A scene of dirty tracking. */
import { ioctls, iommu_test_op as OP } from "../../../structs/index.js";
import type { Known } from "../known.js";
import type { Random } from "../random.js";
import { call, DIRTY, device, mapping, memory, PAGE, place, type SceneCall, test } from "./common.js";

/** Pages are dirtied and read back. */
export function* dirtied(random: Random, known: Known): Generator<SceneCall> {
	yield* device(random, known, random.pick([0, 0, 2, 4]));
	yield call(ioctls.IOMMU_HWPT_ALLOC, { flags: DIRTY, dev_id: known.last("dev"), pt_id: known.last("ioas") });
	const hwpt = known.last("hwpt");
	yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, known.last("stdev"), { "mock_domain_replace.pt_id": hwpt });
	const [iova, length] = [place(random), PAGE * random.pick([1n, 4n, 16n, 32n])];
	yield mapping(random, known, iova, length, known.memory[0]?.addr ?? 0n);
	yield call(ioctls.IOMMU_HWPT_SET_DIRTY_TRACKING, { flags: 1, hwpt_id: hwpt });
	const uptr = memory(random, known);
	for (let round = random.below(3); round >= 0; round--) {
		const size = random.pick([PAGE, PAGE, PAGE, 0x800n, 2n * PAGE]);
		const dirty = { "dirty.iova": iova, "dirty.length": length, "dirty.page_size": size, "dirty.uptr": uptr };
		yield test(OP.IOMMU_TEST_OP_DIRTY, hwpt, dirty, random.bytes(8));
		const flags = random.below(2);
		const page_size = random.pick([PAGE, PAGE, 0x800n, 2n * PAGE, 0x10000n]);
		yield call(ioctls.IOMMU_HWPT_GET_DIRTY_BITMAP, { hwpt_id: hwpt, flags, iova, length, page_size, data: memory(random, known) });
	}
	if (random.chance(50)) yield call(ioctls.IOMMU_HWPT_SET_DIRTY_TRACKING, { hwpt_id: hwpt });
}
