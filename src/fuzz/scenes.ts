/** Series of calls that build on each other, so that programs get to where single random calls rarely do. */
import {
	defines,
	type Ioctl,
	ioctls,
	iommu_hwpt_invalidate_selftest,
	iommu_hwpt_selftest,
	iommu_iova_range,
	iommu_viommu_invalidate_selftest,
	iommu_viommu_selftest,
	iommu_test_op as OP,
	type StructType,
} from "../../structs/index.js";
import type { Known } from "./known.js";
import type { Random } from "./random.js";

/** A call of a scene. */
export interface SceneCall {
	readonly ioctl: Ioctl;
	/** fields by path; the others are 0 */
	readonly fields: Readonly<Record<string, bigint | number>>;
	/** written to the address in `data_uptr` or `uptr` before */
	readonly data?: Uint8Array;
}

type Scene = (random: Random, known: Known) => Generator<SceneCall>;

const PAGE = 0x1000n;
const SELFTEST = defines.IOMMU_HWPT_DATA_SELFTEST;
const [NEST_PARENT, DIRTY, FAULT, PASID] = [1, 2, 4, 8];
const [WRITE, READ, FIXED] = [2, 4, 1];

const call = (ioctl: Ioctl, fields: SceneCall["fields"], data?: Uint8Array): SceneCall => ({ ioctl, fields, ...(data && { data }) });
const test = (op: number, id: number, fields: SceneCall["fields"] = {}, data?: Uint8Array): SceneCall =>
	call(ioctls.IOMMU_TEST_CMD, { op, id, ...fields }, data);
const bytesOf = (struct: unknown, values: object): Uint8Array => (struct as StructType).encode(values as never);

/** Where mappings are: few places, so that they meet. */
const place = (random: Random): bigint => 0x100_0000n + BigInt(random.below(12)) * 2n * PAGE;
const pages = (random: Random): bigint => PAGE * random.pick([1n, 1n, 2n, 4n, 16n]);
const memory = (random: Random, known: Known): bigint =>
	random.chance(70) ? (known.memory[0]?.addr ?? 0n) + BigInt(random.below(40)) * PAGE : known.address(random);

function mapping(random: Random, known: Known, iova = place(random), length = pages(random), uptr = memory(random, known)): SceneCall {
	const flags = random.pick([FIXED | WRITE | READ, FIXED | WRITE | READ, FIXED | READ, FIXED | WRITE]);
	return call(ioctls.IOMMU_IOAS_MAP, { flags, ioas_id: known.last("ioas"), user_va: uptr, length, iova });
}

/** A mock device on the last IOAS, unless there is one. */
function* device(random: Random, known: Known, flags = 0): Generator<SceneCall> {
	if (known.last("dev") !== 0 && flags === 0 && random.chance(60)) return;
	if (random.chance(25)) yield call(ioctls.IOMMU_IOAS_ALLOC, {});
	if (flags === 0 && random.chance(50)) yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN, known.last("ioas"));
	else yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, known.last("ioas"), { "mock_domain_flags.dev_flags": flags });
}

/** Memory is mapped, checked, copied and unmapped. */
function* mapped(random: Random, known: Known): Generator<SceneCall> {
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

/** Pages are dirtied and read back. */
function* dirtied(random: Random, known: Known): Generator<SceneCall> {
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

/** A virtual IOMMU with all that goes with it. */
function* nested(random: Random, known: Known): Generator<SceneCall> {
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
		const queue = { type: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST, index: random.below(3), nesting_parent_iova: iova, length };
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
			data_type: SELFTEST,
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
function* invalidated(random: Random, known: Known, hwpt: number, viommu: number, virt: bigint): Generator<SceneCall> {
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

const fault = (random: Random, dev: number): SceneCall =>
	test(OP.IOMMU_TEST_OP_TRIGGER_IOPF, 0, {
		"trigger_iopf.dev_id": dev,
		"trigger_iopf.pasid": random.chance(80) ? 0 : 1 + random.below(3),
		"trigger_iopf.grpid": random.below(4),
		"trigger_iopf.perm": 1 + random.below(3),
		"trigger_iopf.addr": place(random),
	});

/** Page tables for PASIDs. */
function* pasids(random: Random, known: Known): Generator<SceneCall> {
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

/** An access in the kernel reads, writes and pins. */
function* accessed(random: Random, known: Known): Generator<SceneCall> {
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
function* compat(random: Random, known: Known): Generator<SceneCall> {
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

/** Only some IOVAs are allowed, and the kernel chooses among them. */
function* allowed(random: Random, known: Known): Generator<SceneCall> {
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
function* gone(random: Random, known: Known): Generator<SceneCall> {
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

const scenes: readonly Scene[] = [allowed, gone, mapped, mapped, dirtied, nested, nested, pasids, accessed, accessed, compat];

export function* pickScene(random: Random, known: Known): Generator<SceneCall> {
	if (known.last("ioas") === 0) yield call(ioctls.IOMMU_IOAS_ALLOC, {});
	yield* random.pick(scenes)(random, known);
}
