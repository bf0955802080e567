/** Tests vIOMMUs and the objects in them. */
import { describe, expect, test } from "vitest";
import { readEvents } from "../../../src/client/queues.js";
import { EBUSY, EEXIST, EFAULT, EINVAL, EIO, ENOENT, EOPNOTSUPP, EOVERFLOW } from "../../../src/kernel/errno.js";
import {
	defines,
	iommu_viommu_invalidate_selftest as ENTRY,
	iommu_viommu_event_selftest as EVENT,
	iommufd_vevent_header as HEADER,
	iommufd_hwpt_alloc_flags as HWPT,
	iommu_viommu_selftest,
	iommu_hwpt_invalidate_selftest as NESTED_ENTRY,
	iommu_test_op as OP,
} from "../../../structs/index.js";
import { FIXED, must, PAGE, Program, READ, rc, WRITE } from "../kernel-under-test.js";

const RECORD = HEADER.size + EVENT.size;

/** A device on a nesting parent, and a vIOMMU on that. */
function nesting() {
	const program = new Program();
	const ioas = program.ioas();
	const { stdev, dev } = program.mock(ioas);
	const parent = program.hwpt(dev, ioas, HWPT.IOMMU_HWPT_ALLOC_NEST_PARENT);
	const viommu = program.viommu(dev, parent);
	return { program, ioas, stdev, dev, parent, viommu };
}

/** The same with an event queue, and the device attached so that it reports to the queue. */
function reporting(depth: number) {
	const setup = nesting();
	const { program, dev, stdev, viommu } = setup;
	const vdevice = program.vdevice(viommu, dev, 0x42n);
	const type = defines.IOMMU_VEVENTQ_TYPE_SELFTEST;
	const queue = must(program.iommu.veventqAlloc({ viommu_id: viommu, type, veventq_depth: depth }));
	const nested = program.nested(dev, viommu);
	program.replace(stdev, nested);
	const fd = queue.out_veventq_fd;
	const raise = (times = 1) => {
		for (let i = 0; i < times; i++) program.test({ op: OP.IOMMU_TEST_OP_TRIGGER_VEVENT, trigger_vevent: { dev_id: dev } });
	};
	const read = (bytes: number) => {
		const got = readEvents(program.kernel, fd, type, bytes);
		return got.errno > 0 ? -got.errno : got.messages.map(({ sequence, lost }) => (lost ? `lost ${sequence}` : sequence));
	};
	return { ...setup, vdevice, queue: queue.out_veventq_id, nested, fd, raise, read };
}

describe("a virtual device", () => {
	test("is unique per device and per virtual ID", () => {
		const { program, viommu, dev, ioas } = nesting();
		const first = program.vdevice(viommu, dev, 1n);
		const alloc = (dev_id: number, virt_id: bigint) => rc(program.iommu.vdeviceAlloc({ viommu_id: viommu, dev_id, virt_id }));
		expect(alloc(dev, 2n)).toBe(-EEXIST);
		const other = program.mock(ioas);
		expect(alloc(other.dev, 1n)).toBe(-EEXIST);
		expect(alloc(other.dev, 2n)).toBe(0);
		expect(alloc(999, 3n)).toBe(-ENOENT);
		expect(program.destroy(viommu)).toBe(-EBUSY);
		expect(program.destroy(first)).toBe(0);
		expect(alloc(dev, 1n)).toBe(0);
	});

	test("is destroyed with its device and leaves a tombstone: its ID is never reused", () => {
		const { program, viommu, dev, stdev, ioas } = nesting();
		const vdevice = program.vdevice(viommu, dev, 1n);
		expect(program.destroy(stdev)).toBe(0);
		expect(program.destroy(vdevice)).toBe(-ENOENT);
		expect(program.destroy(viommu)).toBe(0);
		const ids = Array.from({ length: 20 }, () => program.ioas());
		expect(ids).not.toContain(vdevice);
		expect(ids).toContain(stdev);
		expect(rc(program.iommu.vdeviceAlloc({ viommu_id: ioas, dev_id: dev }))).toBe(-ENOENT);
	});
});

describe("a virtual IOMMU", () => {
	test("needs a type, a device and a nesting parent, checked in this order", () => {
		const { program, dev, ioas, parent } = nesting();
		const type = defines.IOMMU_VIOMMU_TYPE_SELFTEST;
		const alloc = (fields: object) => rc(program.iommu.viommuAlloc({ type, dev_id: dev, hwpt_id: parent, ...fields }));
		expect(alloc({ type: 0, dev_id: 99 })).toBe(-EOPNOTSUPP);
		expect(alloc({ dev_id: 99, hwpt_id: 99 })).toBe(-ENOENT);
		expect(alloc({ type: 2, hwpt_id: 99 })).toBe(-EOPNOTSUPP);
		expect(alloc({ hwpt_id: 99 })).toBe(-ENOENT);
		expect(alloc({ hwpt_id: program.hwpt(dev, ioas) })).toBe(-EINVAL);
		expect(alloc({ flags: 1 })).toBe(-EOPNOTSUPP);
	});

	test("returns its data, and shows it through a mapping of the context's file", () => {
		const { program, dev, parent } = nesting();
		const data_uptr = program.place(iommu_viommu_selftest.encode({ in_data: 0xabcd }));
		const data = { data_len: iommu_viommu_selftest.size, data_uptr };
		must(program.iommu.viommuAlloc({ type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id: dev, hwpt_id: parent, ...data }));
		const answer = iommu_viommu_selftest.decode(program.peek(data_uptr, iommu_viommu_selftest.size));
		expect(answer.out_data).toBe(0xabcd);
		const request = { addr: 0n, length: answer.out_mmap_length, prot: 3, fd: program.fd, offset: answer.out_mmap_offset };
		const addr = program.kernel.mmap(request);
		expect(new DataView(program.peek(addr, 4).buffer).getUint32(0, true)).toBe(0xabcd);
		expect(program.kernel.mmap({ ...request, length: PAGE })).toBe(-6n);
	});

	test("is kept in use by the objects in it", () => {
		const { program, queue, viommu, parent, nested, vdevice, stdev, ioas, fd } = reporting(4);
		expect(program.destroy(viommu)).toBe(-EBUSY);
		expect(program.destroy(parent)).toBe(-EBUSY);
		expect(program.destroy(queue)).toBe(-EBUSY);
		program.kernel.close(fd);
		expect(program.destroy(queue)).toBe(0);
		program.replace(stdev, ioas);
		for (const id of [nested, vdevice, viommu, parent]) expect(program.destroy(id)).toBe(0);
	});
});

describe("an event queue", () => {
	test("exists once per type, with a depth of 1 to 2^19", () => {
		const { program, viommu } = reporting(1);
		const type = defines.IOMMU_VEVENTQ_TYPE_SELFTEST;
		const alloc = (veventq_depth: number, fields = {}) =>
			rc(program.iommu.veventqAlloc({ viommu_id: viommu, type, veventq_depth, ...fields }));
		expect(alloc(0)).toBe(-EINVAL);
		expect(alloc((1 << 19) + 1)).toBe(-EINVAL);
		expect(alloc(1)).toBe(-EEXIST);
		expect(alloc(1, { viommu_id: 99 })).toBe(-ENOENT);
		expect(alloc(1, { type: 0 })).toBe(-EOPNOTSUPP);
	});

	test("returns whole events, numbered from 0", () => {
		const { program, fd, raise, read } = reporting(8);
		expect(program.poll(fd)).toBe("");
		raise(3);
		expect(program.poll(fd)).toBe("in");
		expect(read(HEADER.size - 1)).toBe(-EINVAL);
		expect(read(HEADER.size)).toBe(-EINVAL);
		expect(read(2 * RECORD + 3)).toEqual([0, 1]);
		expect(read(100)).toEqual([2]);
		expect(read(100)).toEqual([]);
	});

	test("that is full drops events, and reports that once at its end; numbers continue", () => {
		const { raise, read } = reporting(2);
		raise(5);
		expect(read(1000)).toEqual([0, 1, "lost 4"]);
		raise();
		expect(read(1000)).toEqual([5]);
		raise(3);
		expect(read(2 * RECORD)).toEqual([6, 7]);
		raise();
		expect(read(1000)).toEqual([9]);
	});
});

describe("invalidation", () => {
	const invalidate = (program: Program, hwpt_id: number, entries: Uint8Array, fields: object = {}) => {
		const entry_len = fields && "entry_len" in fields ? (fields.entry_len as number) : NESTED_ENTRY.size;
		const answer = program.iommu.hwptInvalidate({
			hwpt_id,
			data_uptr: program.place(entries),
			data_type: defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
			entry_len,
			entry_num: entries.length / entry_len,
			...fields,
		});
		return [rc(answer), answer.decoded.entry_num];
	};
	const iotlb = (program: Program, hwpt: number, id: number, value: number) =>
		program.test({ op: OP.IOMMU_TEST_OP_MD_CHECK_IOTLB, id: hwpt, check_iotlb: { id, iotlb: value } });

	test("of a nested table goes entry by entry and returns the count, on failure too", () => {
		const { program, parent, dev } = nesting();
		const nested = program.nested(dev, parent);
		const entry = (iotlb_id: number, flags = 0) => ({ flags, iotlb_id });
		const bytes = NESTED_ENTRY.encodeArray([entry(0), entry(1), entry(9), entry(2)]);
		expect(invalidate(program, nested, bytes)).toEqual([-EINVAL, 2]);
		expect([0, 1, 2].map((id) => iotlb(program, nested, id, id < 2 ? 0 : 7))).toEqual([0, 0, 0]);
		expect(invalidate(program, nested, NESTED_ENTRY.encodeArray([entry(0, 1)]))).toEqual([0, 1]);
		expect(iotlb(program, nested, 3, 0)).toBe(0);
		expect(invalidate(program, nested, NESTED_ENTRY.encodeArray([entry(0, 6)]))).toEqual([-EOPNOTSUPP, 0]);
		expect(invalidate(program, nested, bytes, { __reserved: 1 })).toEqual([-EOPNOTSUPP, 0]);
		expect(invalidate(program, nested, bytes, { data_type: 1 })).toEqual([-EINVAL, 0]);
		expect(invalidate(program, nested, bytes, { data_uptr: 0n })).toEqual([-EINVAL, 0]);
		expect(invalidate(program, nested, bytes, { entry_num: 0 })).toEqual([0, 0]);
		expect(invalidate(program, parent, bytes)).toEqual([-EINVAL, 0]);
		expect(invalidate(program, 999, bytes)).toEqual([-ENOENT, 0]);
		expect(invalidate(program, 999, bytes, { entry_num: (1 << 19) + 1 })).toEqual([-EINVAL, 0]);
	});

	test("through a vIOMMU names devices by their virtual IDs", () => {
		const { program, viommu, dev } = reporting(1);
		const cache = (id: number, value: number) =>
			program.test({ op: OP.IOMMU_TEST_OP_DEV_CHECK_CACHE, id: dev, check_dev_cache: { id, cache: value } });
		const through = (entries: { flags?: number; vdev_id: number; cache_id: number }[]) =>
			invalidate(program, viommu, ENTRY.encodeArray(entries), {
				data_type: defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST,
				entry_len: ENTRY.size,
				entry_num: entries.length,
			});
		expect(cache(1, defines.IOMMU_TEST_DEV_CACHE_DEFAULT)).toBe(0);
		expect(
			through([
				{ vdev_id: 0x42, cache_id: 1 },
				{ vdev_id: 7, cache_id: 0 },
			]),
		).toEqual([-EINVAL, 1]);
		expect([cache(0, defines.IOMMU_TEST_DEV_CACHE_DEFAULT), cache(1, 0)]).toEqual([0, 0]);
	});
});

describe("a hardware queue", () => {
	const setup = () => {
		const made = nesting();
		const { program, ioas, viommu } = made;
		const memory = program.memory(4n * PAGE);
		expect(program.map(ioas, 0x100_0000n, memory, 4n * PAGE, FIXED | READ | WRITE)).toBe(0);
		const alloc = (index: number, nesting_parent_iova = 0x100_0000n, length = PAGE) =>
			program.iommu.hwQueueAlloc({ viommu_id: viommu, type: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST, index, nesting_parent_iova, length });
		return { ...made, memory, alloc };
	};

	test("pins its memory: ENOENT outside a mapping, EFAULT if the pages are not contiguous", () => {
		const { program, ioas, memory, alloc } = setup();
		expect(program.map(ioas, 0x300_0000n, program.doubledPage(), 2n * PAGE, FIXED | READ | WRITE)).toBe(0);
		expect(rc(alloc(0, 0x200_0000n))).toBe(-ENOENT);
		expect(rc(alloc(0, 0x300_0000n, 2n * PAGE))).toBe(-EFAULT);
		expect(rc(alloc(0, 0x100_0000n, 0n))).toBe(-EINVAL);
		expect(rc(alloc(0, (1n << 64n) - 1n, 2n))).toBe(-EOVERFLOW);
		expect(program.pinned(memory, 1, 4n * PAGE)).toBe(0);
	});

	test("keeps its mapping: UNMAP is EBUSY until the queue is gone", () => {
		const { program, ioas, alloc, viommu } = setup();
		const queue = must(alloc(0)).out_hw_queue_id;
		expect(program.unmap(ioas, 0x100_0000n, 4n * PAGE)).toBe(-EBUSY);
		expect(program.destroy(viommu)).toBe(-EBUSY);
		expect(program.destroy(queue)).toBe(0);
		expect(program.unmap(ioas, 0x100_0000n, 4n * PAGE)).toBe(0);
	});

	test("depends on the one before it", () => {
		const { program, alloc } = setup();
		expect(rc(alloc(1))).toBe(-EIO);
		const first = must(alloc(0)).out_hw_queue_id;
		expect(rc(alloc(0))).toBe(-EEXIST);
		const second = must(alloc(1)).out_hw_queue_id;
		expect(program.destroy(first)).toBe(-EBUSY);
		expect(program.destroy(second)).toBe(0);
		expect(program.destroy(first)).toBe(0);
	});
});
