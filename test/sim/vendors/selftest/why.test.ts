/** Tests of what the mock IOMMU's driver says of calls that fail. */
import { expect, test } from "vitest";
import { iommuOn } from "../../../../src/client/iommu.js";
import { PROT_READ } from "../../../../src/kernel/kernel.js";
import { createSim } from "../../../../src/sim/index.js";
import { BUILTIN_MACHINES, checkMachine } from "../../../../src/sim/vendors/machines.js";
import {
	iommu_viommu_invalidate_selftest as COMMAND,
	defines,
	iommu_hwpt_invalidate_selftest as ENTRY,
	iommu_hwpt_selftest,
	mock_flags_device,
	iommu_test_op as OP,
} from "../../../../structs/index.js";
import { SMMU_SVM, SVM } from "../../extensions/machine.js";
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

test.skipIf(onReal)("older kernels, types, and memory that cannot be written", () => {
	const older = new Program(createSim({ uapi: ["6.18"] }).newProcess());
	const { dev: old } = older.mock(older.ioas());
	const data_uptr = older.place(iommu_hwpt_selftest.encode({}));
	const answer = older.iommu.hwptAlloc({ dev_id: old, pt_id: older.ioas(), data_type: 0xdead, data_len: 4, data_uptr });
	expect(why(older, rc(answer))).toBe("hwpt-alloc.mock-old-paging: data came with the allocation, of type 0xdead");

	const { program, dev, parent, viommu } = setup();
	const { iommu, kernel } = program;
	expect(why(program, rc(iommu.getHwInfo({ dev_id: dev, flags: 1, in_data_type: 1 })))).toBe(
		"get-hw-info.mock-info-type: in_data_type is 0x1",
	);
	const readOnly = kernel.mmap({ addr: 0n, length: 0x1000n, prot: PROT_READ });
	const given = { type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id: dev, hwpt_id: parent, data_len: 24, data_uptr: readOnly };
	expect(why(program, rc(iommu.viommuAlloc(given)))).toMatch(/^viommu-alloc\.mock-data-not-writable: .* is read-only$/);
	const entry = program.place(COMMAND.encode({ flags: 2 }));
	const array = { hwpt_id: viommu, data_uptr: entry, entry_len: COMMAND.size, entry_num: 1 };
	const type = defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST;
	expect(why(program, rc(iommu.hwptInvalidate({ ...array, data_type: 1 })))).toBe("hwpt-invalidate.mock-commands-type: data_type is 0x1");
	expect(why(program, rc(iommu.hwptInvalidate({ ...array, data_type: type })))).toBe(
		"hwpt-invalidate.mock-command-flags: flags of the entry is 0x2",
	);
});

test.skipIf(onReal)("attaching to a vIOMMU's table needs a vDEVICE", () => {
	const { program, dev, parent, viommu } = setup();
	const { stdev } = program.mock(program.ioas());
	const data_uptr = program.place(iommu_hwpt_selftest.encode({}));
	const nested = program.iommu.hwptAlloc({ dev_id: dev, pt_id: viommu, data_type: 0xdead, data_len: 8, data_uptr }).decoded.out_hwpt_id;
	expect(nested).toBeGreaterThan(parent);
	expect(why(program, program.replace(stdev, nested))).toMatch(
		/\.mock-no-vdevice: iommufd_mock1 has no vDEVICE in the vIOMMU of the page table$/,
	);
});

test.skipIf(onReal)("events without a queue, and the attachments that fail so that programs can test it", () => {
	const { program, ioas, viommu } = setup();
	const { stdev, dev } = program.mock(ioas, mock_flags_device.MOCK_FLAGS_DEVICE_PASID);
	program.vdevice(viommu, dev, 0x42n);
	program.replace(stdev, program.nested(dev, viommu));
	const event = program.test({ op: OP.IOMMU_TEST_OP_TRIGGER_VEVENT, trigger_vevent: { dev_id: dev } });
	expect(why(program, event)).toMatch(/\.mock-no-veventq: the vIOMMU of iommufd_mock1 has no vEVENTQ of type SELFTEST$/);

	program.replace(stdev, program.hwpt(dev, ioas, 8));
	const pasid = defines.IOMMU_TEST_PASID_RESERVED;
	const tables = [program.hwpt(dev, ioas, 8), program.hwpt(dev, ioas, 8)];
	expect(program.test({ op: OP.IOMMU_TEST_OP_PASID_ATTACH, id: stdev, pasid_attach: { pasid, pt_id: tables[0] } })).toBe(0);
	const second = program.test({ op: OP.IOMMU_TEST_OP_PASID_REPLACE, id: stdev, pasid_replace: { pasid, pt_id: tables[1] } });
	expect(why(program, second)).toMatch(/\.mock-every-second: PASID 1024 of iommufd_mock1 is attached for the second time$/);
});

test("a mock table cannot be nested on another driver's, nor attached to its devices", () => {
	const sim = createSim({ machine: checkMachine(BUILTIN_MACHINES.mixed) });
	const program = new Program(sim.newProcess());
	const { iommu, kernel } = program;
	const bind = (n: number) => iommuOn(kernel, kernel.open(`/dev/vfio/devices/vfio${n}`));
	const vtd = bind(SVM).deviceBind({ iommufd: program.fd }).decoded.out_devid;
	const ioas = program.ioas();
	const parent = iommu.hwptAlloc({ dev_id: vtd, pt_id: ioas, flags: 1 }).decoded.out_hwpt_id;
	const smmu = bind(SMMU_SVM);
	smmu.deviceBind({ iommufd: program.fd });
	expect(why(program, -smmu.deviceAttach({ pt_id: parent }).errno)).toMatch(
		/\.other-driver: the page table is one of dmar0, and .* is behind smmu0, which has another driver$/,
	);
	const { dev } = program.mock(program.ioas());
	const given = { type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id: dev, hwpt_id: parent };
	const viommu = iommu.viommuAlloc(given).decoded.out_viommu_id;
	const data_uptr = program.place(iommu_hwpt_selftest.encode({}));
	expect(why(program, rc(iommu.hwptAlloc({ dev_id: dev, pt_id: viommu, data_type: 0xdead, data_len: 8, data_uptr })))).toBe(
		"hwpt-alloc.mock-parent: the nesting parent is a page table of dmar0",
	);
});
