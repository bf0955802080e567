/** Tests of what the mock IOMMU's driver says of calls that fail. */
import { expect, test } from "vitest";
import {
	iommu_viommu_invalidate_selftest as COMMAND,
	defines,
	iommu_hwpt_invalidate_selftest as ENTRY,
	iommu_hwpt_selftest,
} from "../../../../structs/index.js";
import { onReal, Program, rc } from "../../kernel-under-test.js";

/** The check's ID and the text for the call that has just answered `ret`. */
function why({ sim }: Program, ret: number): string {
	const found = sim.why(ret);
	return found === undefined ? "nothing" : `${found.check}: ${found.text}`;
}

function setup() {
	const program = new Program();
	const { dev } = program.mock(program.ioas());
	const ioas = program.ioas();
	const parent = program.hwpt(dev, ioas, 1);
	const viommu = program.viommu(dev, parent);
	return { program, dev, ioas, parent, viommu };
}

test.skipIf(onReal)("data of page tables: its type, its length, its values", () => {
	const { program, dev, ioas, parent, viommu } = setup();
	const { size } = iommu_hwpt_selftest;
	const data_uptr = program.place(iommu_hwpt_selftest.encode({ pagetable_type: 7 }));
	const refused = (pt_id: number, fields: object) =>
		why(program, rc(program.iommu.hwptAlloc({ dev_id: dev, pt_id, data_type: 0xdead, data_len: size, data_uptr, ...fields })));
	expect(refused(ioas, {})).toBe("hwpt-alloc.mock-pagetable-type: pagetable_type is 7");
	expect(refused(ioas, { data_type: 1 })).toBe("hwpt-alloc.mock-paging-type: data_type is 0x1");
	expect(refused(parent, { data_type: 2 })).toBe("hwpt-alloc.mock-nested-type: data_type is 0x2");
	expect(refused(viommu, { data_len: 99 })).toBe(
		"hwpt-alloc.data-length: data_len is 99, and the driver's struct has 8 bytes, of which 4 are needed",
	);
});

test.skipIf(onReal)("entries of invalidation arrays", () => {
	const { program, dev, parent, viommu } = setup();
	const data_uptr = program.place(iommu_hwpt_selftest.encode({}));
	const nested = program.iommu.hwptAlloc({ dev_id: dev, pt_id: parent, data_type: 0xdead, data_len: 8, data_uptr }).decoded.out_hwpt_id;
	const refused = (hwpt_id: number, entry: Uint8Array, fields: object = {}) => {
		const given = { data_type: defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, entry_len: entry.length, entry_num: 1 };
		return why(program, rc(program.iommu.hwptInvalidate({ hwpt_id, data_uptr: program.place(entry), ...given, ...fields })));
	};
	expect(refused(nested, ENTRY.encode({ flags: 2 }))).toBe("hwpt-invalidate.mock-entry-flags: flags of the entry is 0x2");
	expect(refused(nested, ENTRY.encode({ iotlb_id: 4 }))).toBe("hwpt-invalidate.mock-iotlb-id: iotlb_id is 4");
	expect(refused(nested, ENTRY.encode({}), { data_type: 1 })).toBe("hwpt-invalidate.mock-array-type: data_type is 0x1");
	expect(refused(viommu, COMMAND.encode({ cache_id: 9 }))).toBe("hwpt-invalidate.mock-cache-id: cache_id is 9");
	expect(refused(viommu, COMMAND.encode({ vdev_id: 0x99 }))).toBe(
		"hwpt-invalidate.mock-command-device: vdev_id is 0x99, and no vDEVICE has it",
	);
	const longer = new Uint8Array(COMMAND.size + 4).fill(1, COMMAND.size);
	expect(refused(viommu, longer)).toBe(
		"hwpt-invalidate.entry-tail: entry_len is 16, and beyond the 12 bytes that the driver knows entry 0 is not zero",
	);
});

test.skipIf(onReal)("hardware queues", () => {
	const { program, ioas, viommu } = setup();
	const memory = program.memory(0x1000n);
	program.map(ioas, 0x100_0000n, memory, 0x1000n);
	const refused = (fields: object) => {
		const given = { viommu_id: viommu, type: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST, nesting_parent_iova: 0x100_0000n, length: 0x1000n };
		return why(program, rc(program.iommu.hwQueueAlloc({ ...given, ...fields })));
	};
	expect(refused({ type: 5 })).toBe("hw-queue-alloc.mock-queue-type: type is 0x5");
	expect(refused({ index: 2 })).toBe("hw-queue-alloc.mock-queue-index: index is 2");
	expect(refused({ index: 1 })).toBe("hw-queue-alloc.mock-queue-previous: index is 1, and no queue has index 0");
	refused({ index: 0 });
	expect(refused({ index: 0 })).toBe("hw-queue-alloc.mock-queue-taken: the vIOMMU has a queue with index 0 already");
});
