/** Scenes of accesses in the kernel, and of VFIO's containers. */
import { type Ioctl, ioctls, iommu_test_op as OP, type StructType } from "../../../structs/index.js";
import type { Known } from "../known.js";
import type { Random } from "../random.js";
import { call, mapping, memory, pages, place, type SceneCall, test } from "./common.js";

/** An access in the kernel reads, writes and pins. */
export function* accessed(random: Random, known: Known): Generator<SceneCall> {
	if (known.first("access") < 0 || random.chance(30))
		yield test(OP.IOMMU_TEST_OP_CREATE_ACCESS, known.last("ioas"), { "create_access.flags": random.pick([0, 1, 1, 1]) });
	const id = BigInt.asUintN(32, BigInt(known.fd(random, "access")));
	const command = (op: number, fields: SceneCall["fields"]): SceneCall => call(ioctls.IOMMU_TEST_CMD, { op, id, ...fields });
	const [iova, length, uptr] = [place(random), pages(random), memory(random, known)];
	yield mapping(random, known, iova, length, uptr);
	const part = random.chance(60) ? length : BigInt(1 + random.below(Number(length)));
	const own = random.chance(60) ? uptr : 0n;
	const flags = random.below(2);
	yield command(OP.IOMMU_TEST_OP_ACCESS_PAGES, {
		"access_pages.flags": flags,
		"access_pages.iova": iova,
		"access_pages.length": part,
		"access_pages.uptr": own,
	});
	const data = memory(random, known);
	yield command(OP.IOMMU_TEST_OP_ACCESS_RW, {
		"access_rw.iova": iova + BigInt(random.below(64)),
		"access_rw.length": BigInt(random.below(Number(part))),
		"access_rw.uptr": data,
		"access_rw.flags": random.pick([0, 1, 4, 5]),
	});
	yield test(OP.IOMMU_TEST_OP_MD_CHECK_REFS, 0, {
		"check_refs.length": length,
		"check_refs.uptr": uptr,
		"check_refs.refs": random.below(3),
	});
	if (random.chance(50)) yield command(OP.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, { "destroy_access_pages.access_pages_id": random.below(3) });
	if (random.chance(30)) yield command(OP.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, { "access_replace_ioas.ioas_id": known.id(random, ["ioas"]) });
	yield call(ioctls.IOMMU_IOAS_UNMAP, { ioas_id: known.last("ioas"), iova, length });
}

/** The calls of VFIO's containers. */
export function* compat(random: Random, known: Known): Generator<SceneCall> {
	yield call(ioctls.IOMMU_VFIO_IOAS, { op: 1, ioas_id: known.last("ioas") });
	for (let count = 1 + random.below(4); count > 0; count--) {
		const [iova, size] = [place(random), pages(random)];
		const argsz = (ioctl: Ioctl) => (ioctl.struct as StructType).size;
		yield call(ioctls.VFIO_IOMMU_MAP_DMA, {
			argsz: argsz(ioctls.VFIO_IOMMU_MAP_DMA),
			flags: random.pick([3, 3, 1, 2]),
			vaddr: memory(random, known),
			iova,
			size,
		});
		if (random.chance(60)) yield call(ioctls.VFIO_IOMMU_UNMAP_DMA, { argsz: argsz(ioctls.VFIO_IOMMU_UNMAP_DMA), iova, size });
	}
}
