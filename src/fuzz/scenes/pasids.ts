/** A scene of page tables for PASIDs. */
import { ioctls, iommu_test_op as OP } from "../../../structs/index.js";
import type { Known } from "../known.js";
import type { Random } from "../random.js";
import { call, device, FAULT, fault, PASID, type SceneCall, test } from "./common.js";

/** Page tables for PASIDs. */
export function* pasids(random: Random, known: Known): Generator<SceneCall> {
	yield* device(random, known, 4);
	const faults = random.chance(40);
	if (faults) yield call(ioctls.IOMMU_FAULT_QUEUE_ALLOC, {});
	const fault_id = faults ? known.last("fault") : 0;
	const flags = random.pick([PASID, PASID, PASID, 0]) | (faults ? FAULT : 0);
	yield call(ioctls.IOMMU_HWPT_ALLOC, { flags, dev_id: known.last("dev"), pt_id: known.last("ioas"), fault_id });
	const stdev = known.last("stdev");
	for (let count = 1 + random.below(5); count > 0; count--) {
		const pasid = random.pick([1, 1, 2, 1024]);
		const pt_id = known.id(random, ["hwpt", "hwpt", "ioas"]);
		const which = random.below(5);
		if (which < 2) yield test(OP.IOMMU_TEST_OP_PASID_ATTACH, stdev, { "pasid_attach.pasid": pasid, "pasid_attach.pt_id": pt_id });
		else if (which === 2) yield test(OP.IOMMU_TEST_OP_PASID_REPLACE, stdev, { "pasid_replace.pasid": pasid, "pasid_replace.pt_id": pt_id });
		else if (which === 3)
			yield test(OP.IOMMU_TEST_OP_PASID_CHECK_HWPT, stdev, { "pasid_check.pasid": pasid, "pasid_check.hwpt_id": pt_id });
		else yield test(OP.IOMMU_TEST_OP_PASID_DETACH, stdev, { "pasid_detach.pasid": pasid });
		if (faults) yield fault(random, known.last("dev"));
	}
}
