/** Scenes of mappings: checked, copied, restricted, and of memory that goes. */
import { ioctls, iommu_iova_range, iommu_test_op as OP } from "../../../structs/index.js";
import type { Known } from "../known.js";
import type { Random } from "../random.js";
import { bytesOf, call, device, FIXED, mapping, memory, PAGE, pages, place, READ, type SceneCall, test, WRITE } from "./common.js";

/** Memory is mapped, checked, copied and unmapped. */
export function* mapped(random: Random, known: Known): Generator<SceneCall> {
	yield* device(random, known);
	const [iova, length, uptr] = [place(random), pages(random), memory(random, known)];
	yield mapping(random, known, iova, length, uptr);
	const check = { "check_map.iova": iova, "check_map.length": length, "check_map.uptr": uptr };
	yield test(OP.IOMMU_TEST_OP_MD_CHECK_MAP, known.last("hwpt"), check);
	yield test(OP.IOMMU_TEST_OP_MD_CHECK_REFS, 0, {
		"check_refs.length": length,
		"check_refs.uptr": uptr,
		"check_refs.refs": random.below(3),
	});
	const target = known.id(random, ["ioas"]);
	yield call(ioctls.IOMMU_IOAS_COPY, {
		flags: FIXED | WRITE | READ,
		dst_ioas_id: target,
		src_ioas_id: known.last("ioas"),
		length: random.chance(70) ? length : PAGE,
		dst_iova: place(random),
		src_iova: iova,
	});
	if (random.chance(60))
		yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, known.last("stdev"), {
			"mock_domain_replace.pt_id": known.id(random, ["ioas", "hwpt"]),
		});
	yield test(OP.IOMMU_TEST_OP_MD_CHECK_MAP, known.last("hwpt"), check);
	yield call(
		ioctls.IOMMU_IOAS_UNMAP,
		random.chance(20) ? { ioas_id: target, length: (1n << 64n) - 1n } : { ioas_id: known.last("ioas"), iova, length },
	);
}

/** Only some IOVAs are allowed, and the kernel chooses among them. */
export function* allowed(random: Random, known: Known): Generator<SceneCall> {
	const first = place(random);
	const ranges = Array.from({ length: random.below(4) }, (_, at) => ({
		start: first + BigInt(at) * 0x10_0000n,
		last: first + BigInt(at) * 0x10_0000n + pages(random) - 1n,
	}));
	const data = Buffer.concat(ranges.map((range) => bytesOf(iommu_iova_range, range)));
	const uptr = memory(random, known);
	if (random.chance(50)) {
		const reserved = { "add_reserved.start": place(random), "add_reserved.length": pages(random) };
		yield test(OP.IOMMU_TEST_OP_ADD_RESERVED, known.last("ioas"), reserved);
	}
	yield call(ioctls.IOMMU_IOAS_ALLOW_IOVAS, { ioas_id: known.last("ioas"), num_iovas: ranges.length, allowed_iovas: uptr }, data);
	for (let count = 1 + random.below(4); count > 0; count--)
		yield call(ioctls.IOMMU_IOAS_MAP, {
			flags: WRITE | READ,
			ioas_id: known.last("ioas"),
			user_va: memory(random, known),
			length: pages(random),
		});
	yield call(ioctls.IOMMU_IOAS_IOVA_RANGES, {
		ioas_id: known.last("ioas"),
		num_iovas: random.below(4),
		allowed_iovas: memory(random, known),
	});
	yield* device(random, known);
}

/** Memory goes before a device needs it. */
export function* gone(random: Random, known: Known): Generator<SceneCall> {
	yield call(ioctls.IOMMU_IOAS_ALLOC, {});
	for (let count = known.memory.length === 0 ? 0 : 1 + random.below(3); count > 0; count--) {
		const { addr, length } = random.pick(known.memory);
		const half = length > PAGE && random.chance(50) ? length / 2n : length;
		// A page more than there is.
		const whole = random.chance(30) ? half + PAGE : half;
		yield mapping(random, known, place(random), whole > 0x40000n ? 0x4000n : whole, addr);
	}
	yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN, known.last("ioas"));
}
