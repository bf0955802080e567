/** Tests why iommufd's calls fail: the checks by ID with their texts, and that each call's contract has every check that it fails. */
import { afterEach, describe, expect, test } from "vitest";
import { EBADF, EBADFD, EBUSY, EFAULT, EINVAL, ENODEV, ENOENT, ENOTTY, ENXIO, EOPNOTSUPP, ESPIPE } from "../../../src/kernel/errno.js";
import { createSim } from "../../../src/sim/index.js";
import { commandContract, compatContract, deviceNotes, fileContract } from "../../../src/sim/iommufd/contract.js";
import { testContract } from "../../../src/sim/iommufd/selftest/contract.js";
import { vendors } from "../../../src/sim/vendors/registry.js";
import type { Check, Group } from "../../../src/sim/why/check.js";
import { inOrder } from "../../../src/sim/why/contract.js";
import { callId } from "../../../src/sim/why/reasons.js";
import {
	defines,
	iommufd_hwpt_alloc_flags as HWPT,
	ioctls,
	iommu_hwpt_invalidate_selftest,
	iommu_hwpt_selftest,
	iommu_viommu_selftest,
	iommu_test_op as OP,
} from "../../../structs/index.js";
import { must, onReal, PAGE, Program } from "../kernel-under-test.js";

const contracts: Readonly<Record<string, Group>> = { ...commandContract, ...compatContract, ...testContract };
const hooks = vendors.map(({ kind, checks = {} }) => ({ vendor: kind, hooks: checks }));
const inContract = new Map(
	Object.entries(contracts).map(([name, group]) => [callId(name), new Set([...inOrder(group, hooks)].map(({ check }) => check))]),
);
const notes = new Set([...inOrder(deviceNotes, hooks)].map(({ check }) => check));

/** The calls of iommufd that failed in this file, and those that failed for a check that their contract lacks. */
const failed = new Set<string>();
const strays: string[] = [];

/** A program on a simulated kernel. */
class Asking extends Program {
	constructor() {
		const sim = createSim();
		super(sim.newProcess());
		sim.reasons.onFailed = (call: string, check: Check) => {
			failed.add(call);
			if (inContract.get(call)?.has(check) === false && !notes.has(check)) strays.push(`${call}.${check.name}`);
		};
	}

	/** The check and the text of an answer, which must be this errno. */
	why(answer: number | { readonly ret: number; readonly errno: number }, errno: number): string {
		const ret = typeof answer === "number" ? answer : answer.ret < 0 ? -answer.errno : answer.ret;
		expect(ret).toBe(-errno);
		const found = this.sim.why(ret);
		return found === undefined ? "no reason" : `${found.check}: ${found.text}`;
	}

	notes(): string[] {
		return this.sim.notes().map(({ check, text, because }) => `${check}: ${text}${because ? ` (${because.check}: ${because.text})` : ""}`);
	}
}

/** A device attached to an IOAS, with a page table that can be a parent. */
function machine() {
	const p = new Asking();
	const ioas = p.ioas();
	const { stdev, dev, hwpt } = p.mock(ioas);
	const parent = p.hwpt(dev, ioas, HWPT.IOMMU_HWPT_ALLOC_NEST_PARENT);
	return { p, ioas, stdev, dev, hwpt, parent };
}

afterEach(() => expect(strays).toEqual([]));

describe.skipIf(onReal)("EBUSY says who holds an object, and in which order to let go", () => {
	test("through page tables, vIOMMUs and their queues", () => {
		const { p, ioas, dev, parent } = machine();
		const viommu = p.viommu(dev, parent);
		const vdevice = p.vdevice(viommu, dev, 1n);
		const { out_veventq_id: queue, out_veventq_fd: fd } = must(
			p.iommu.veventqAlloc({ viommu_id: viommu, type: defines.IOMMU_VEVENTQ_TYPE_SELFTEST, veventq_depth: 2 }),
		);
		expect(p.why(p.iommu.destroy({ id: ioas }), EBUSY)).toBe(
			"destroy.in-use: ioas 1 is held by hwpt-paging 4, hwpt-paging 5: " +
				`destroy vdevice ${vdevice}, then selftest 2, then close the file of veventq ${queue}, then destroy veventq ${queue}, then viommu ${viommu}, then hwpt-paging 5`,
		);
		// Everything goes in that order.
		expect(p.destroy(vdevice)).toBe(0);
		expect(p.destroy(2)).toBe(0);
		expect(p.kernel.close(fd)).toBe(0);
		for (const id of [queue, viommu, 5, ioas]) expect(p.destroy(id)).toBe(0);
	});

	test("a queue, an access and hardware queues", () => {
		const { p, ioas, dev, parent } = machine();
		const { out_fault_id: fault, out_fault_fd } = must(p.iommu.faultQueueAlloc());
		const table = p.hwpt(dev, ioas, HWPT.IOMMU_HWPT_FAULT_ID_VALID, fault);
		expect(p.why(p.iommu.destroy({ id: fault }), EBUSY)).toBe(
			`destroy.in-use: fault ${fault} is held by hwpt-paging ${table}, its open file: destroy hwpt-paging ${table}, then close the file of fault ${fault}`,
		);
		p.kernel.close(out_fault_fd);
		p.destroy(table);
		expect(p.destroy(fault)).toBe(0);
		const access = p.access(ioas);
		expect(access).toBeGreaterThan(0);
		expect(p.why(p.iommu.destroy({ id: fault }), EBUSY)).toMatch(
			/^destroy\.in-use: access (\d+) is held by its open file: close the file of access \1$/,
		);
		p.map(ioas, 0x100_0000n, p.memory());
		const viommu = p.viommu(dev, parent);
		const queueOf = (index: number) =>
			must(
				p.iommu.hwQueueAlloc({
					viommu_id: viommu,
					type: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST,
					index,
					nesting_parent_iova: 0x100_0000n,
					length: PAGE,
				}),
			).out_hw_queue_id;
		const first = queueOf(0);
		const second = queueOf(1);
		expect(p.why(p.iommu.destroy({ id: first }), EBUSY)).toBe(
			`destroy.in-use: hw-queue ${first} is held by hw-queue ${second}: destroy hw-queue ${second}`,
		);
		expect(p.why(p.iommu.destroy({ id: first + 1 }), EBUSY)).toBe(
			`destroy.in-use: access ${first + 1} is held by hw-queue ${first}: destroy hw-queue ${second}, then hw-queue ${first}`,
		);
		expect(p.why(p.iommu.ioasUnmap({ ioas_id: ioas, iova: 0x100_0000n, length: PAGE }), EBUSY)).toBe(
			`ioas-unmap.queue-holds: the area 0x1000000-0x1000fff is held by hw-queue ${first}, hw-queue ${second}`,
		);
	});

	test("a device with PASIDs that its driver left", () => {
		const p = new Asking();
		const ioas = p.ioas();
		const { stdev, dev } = p.mock(ioas, 4);
		const table = p.hwpt(dev, ioas, HWPT.IOMMU_HWPT_ALLOC_PASID);
		expect(p.replace(stdev, table)).toBe(0);
		expect(p.test({ op: OP.IOMMU_TEST_OP_PASID_ATTACH, id: stdev, pasid_attach: { pasid: 5, pt_id: table } })).toBe(0);
		p.destroy(stdev);
		expect(p.why(p.iommu.destroy({ id: table }), EBUSY)).toBe(
			`destroy.in-use: hwpt-paging ${table} is held by device ${dev}: close every file of the context, /dev/iommu included`,
		);
	});

	test("mapped memory of a vIOMMU", () => {
		const { p, dev, parent } = machine();
		const data_uptr = p.place(iommu_viommu_selftest.encode({ in_data: 1 }));
		const data = { data_len: iommu_viommu_selftest.size, data_uptr };
		const alloc = p.iommu.viommuAlloc({ type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id: dev, hwpt_id: parent, ...data });
		const { out_viommu_id: viommu } = must(alloc);
		const answer = iommu_viommu_selftest.decode(p.peek(data_uptr, iommu_viommu_selftest.size));
		const addr = p.kernel.mmap({ addr: 0n, length: answer.out_mmap_length, prot: 3, fd: p.fd, offset: answer.out_mmap_offset });
		expect(p.why(p.iommu.destroy({ id: viommu }), EBUSY)).toBe(
			`destroy.in-use: viommu ${viommu} is held by mapped memory: unmap the memory of viommu ${viommu}`,
		);
		expect(p.kernel.munmap(addr, answer.out_mmap_length)).toBe(0);
		expect(p.destroy(viommu)).toBe(0);
	});

	test("and which objects keep an option from being set", () => {
		const { p } = machine();
		expect(p.why(p.iommu.option({ option_id: 0, op: 0, val64: 1n }), EBUSY)).toBe(
			"option.rlimit-in-use: the context has 5 objects: ioas 1, selftest 2, device 3, hwpt-paging 4, hwpt-paging 5",
		);
	});
});

describe.skipIf(onReal)("page tables", () => {
	test("HWPT_ALLOC", () => {
		const { p, ioas, dev, hwpt, parent } = machine();
		const alloc = (fields: object, errno: number) => p.why(p.iommu.hwptAlloc({ dev_id: dev, pt_id: ioas, ...fields }), errno);
		const data = { data_type: defines.IOMMU_HWPT_DATA_SELFTEST, data_len: 4, data_uptr: p.place(iommu_hwpt_selftest.encode({ iotlb: 1 })) };
		expect(alloc({ __reserved: 1 }, EOPNOTSUPP)).toBe("hwpt-alloc.reserved-word: __reserved is 0x1");
		expect(alloc({ data_len: 4 }, EINVAL)).toBe("hwpt-alloc.data-missing: data_type is 0, and data_len is 4");
		expect(alloc({ dev_id: ioas }, ENOENT)).toBe("hwpt-alloc.no-device: dev_id 1 names ioas 1");
		expect(alloc({ pt_id: 99 }, EINVAL)).toBe("hwpt-alloc.bad-target: pt_id 99 names no object");
		expect(alloc({ flags: 0x102 }, EOPNOTSUPP)).toBe("hwpt-alloc.paging-flags: flags is 0x102, with unknown bits 0x100");
		expect(alloc({ flags: 5 }, EOPNOTSUPP)).toBe("hwpt-alloc.fault-nest: flags has FAULT_ID_VALID and NEST_PARENT");
		expect(alloc({ flags: 4, fault_id: dev }, ENOENT)).toBe(`hwpt-alloc.no-fault-queue: fault_id ${dev} names device ${dev}`);
		expect(alloc({ pt_id: parent }, EOPNOTSUPP)).toBe("hwpt-alloc.nested-data: data_len is 0");
		expect(alloc({ pt_id: hwpt, ...data }, EINVAL)).toBe(
			`hwpt-alloc.parent-automatic: hwpt-paging ${hwpt} was allocated by attaching a device to its IOAS`,
		);
		const plain = p.hwpt(dev, ioas);
		expect(alloc({ pt_id: plain, ...data }, EINVAL)).toBe(
			`hwpt-alloc.parent-not-nesting: hwpt-paging ${plain} was allocated without NEST_PARENT`,
		);
		const other = p.mock(ioas, 1);
		expect(alloc({ dev_id: other.dev, flags: 2 }, EOPNOTSUPP)).toBe(
			"hwpt-alloc.dirty-unsupported: flags has DIRTY_TRACKING, and selftest cannot track what iommufd_mock1 writes",
		);
		const viommu = p.viommu(dev, parent);
		expect(alloc({ pt_id: viommu, flags: 1, ...data }, EOPNOTSUPP)).toBe("hwpt-alloc.in-viommu-flags: flags is 0x1, with bits 0x1");
	});

	test("HWPT_INVALIDATE, GET_HW_INFO and dirty tracking", () => {
		const { p, ioas, dev, parent } = machine();
		const nested = p.nested(dev, parent);
		const entries = {
			data_type: defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
			data_uptr: p.memory(),
			entry_len: iommu_hwpt_invalidate_selftest.size,
		};
		const invalidate = (fields: object, errno: number) =>
			p.why(p.iommu.hwptInvalidate({ hwpt_id: nested, ...entries, entry_num: 1, ...fields }), errno);
		expect(invalidate({ data_uptr: 0n }, EINVAL)).toBe("hwpt-invalidate.no-entries: data_uptr is 0, and entry_num 1");
		expect(invalidate({ entry_len: 4097 }, EINVAL)).toBe("hwpt-invalidate.entry-size: entry_len is 4097");
		expect(invalidate({ entry_num: 600000 }, EINVAL)).toBe("hwpt-invalidate.too-many-entries: entry_num is 600000");
		expect(invalidate({ hwpt_id: 99 }, ENOENT)).toBe("hwpt-invalidate.no-target: hwpt_id 99 names no object");
		expect(invalidate({ hwpt_id: ioas }, EINVAL)).toBe("hwpt-invalidate.bad-target: hwpt_id 1 names ioas 1");
		expect(p.why(p.iommu.getHwInfo({ dev_id: dev, flags: 8 }), EOPNOTSUPP)).toBe("get-hw-info.flags: flags is 0x8, with unknown bits 0x8");
		expect(p.why(p.iommu.getHwInfo({ dev_id: dev, data_len: 16, data_uptr: 0x5000n }), EFAULT)).toBe(
			"get-hw-info.data-not-writable: 8 bytes at 0x5000, in the buffer at data_uptr, cannot be written: page 0x5000 is not mapped",
		);
		expect(p.why(p.iommu.hwptSetDirtyTracking({ hwpt_id: parent, flags: 1 }), EOPNOTSUPP)).toBe(
			"hwpt-set-dirty-tracking.no-tracking: hwpt-paging 5 was allocated without DIRTY_TRACKING",
		);
		const dirty = { hwpt_id: parent, length: PAGE, page_size: PAGE, data: p.memory() };
		expect(p.why(p.iommu.hwptGetDirtyBitmap({ ...dirty, page_size: 0n }), EINVAL)).toBe(
			"hwpt-get-dirty-bitmap.page-size-zero: page_size is 0",
		);
		expect(p.why(p.iommu.hwptGetDirtyBitmap({ ...dirty, iova: 1n }), EINVAL)).toBe(
			"hwpt-get-dirty-bitmap.alignment: iova 0x1 or length 0x1000 is not a multiple of 0x800",
		);
	});
});

describe.skipIf(onReal)("attaching", () => {
	test("names what is attached, and what the target is", () => {
		const { p, stdev, dev, hwpt } = machine();
		const pasid = (op: number, fields: object, errno: number) => p.why(p.iommu.testCmd({ op, id: stdev, ...fields }), errno);
		expect(pasid(OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, { mock_domain_replace: { pt_id: 99 } }, ENOENT)).toBe(
			"test-mock-domain-replace.no-target: pt_id 99 names no object",
		);
		expect(pasid(OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, { mock_domain_replace: { pt_id: dev } }, EINVAL)).toBe(
			`test-mock-domain-replace.bad-target: pt_id ${dev} names device ${dev}`,
		);
		expect(pasid(OP.IOMMU_TEST_OP_PASID_ATTACH, { pasid_attach: { pasid: 5, pt_id: hwpt } }, EINVAL)).toBe(
			"test-pasid-attach.pasid-too-high: PASID 5 is too high: iommufd_mock0 has 0 PASIDs",
		);
		expect(pasid(OP.IOMMU_TEST_OP_PASID_ATTACH, { pasid_attach: { pasid: 0, pt_id: hwpt } }, EBUSY)).toBe(
			`test-pasid-attach.device-attached: device ${dev} is attached to hwpt-paging ${hwpt} already, for requests without PASID`,
		);
		expect(pasid(OP.IOMMU_TEST_OP_PASID_REPLACE, { pasid_replace: { pasid: 5, pt_id: hwpt } }, EINVAL)).toBe(
			`test-pasid-replace.device-not-attached: device ${dev} is not attached for PASID 5`,
		);
	});

	test("a page table without PASIDs to a device with PASIDs", () => {
		const p = new Asking();
		const ioas = p.ioas();
		const { stdev, dev, hwpt } = p.mock(ioas, 4);
		const table = p.hwpt(dev, ioas, HWPT.IOMMU_HWPT_ALLOC_PASID);
		const attach = (pt_id: number) => p.iommu.testCmd({ op: OP.IOMMU_TEST_OP_PASID_ATTACH, id: stdev, pasid_attach: { pasid: 5, pt_id } });
		expect(p.why(attach(hwpt), EINVAL)).toBe(`test-pasid-attach.table-for-pasid: hwpt-paging ${hwpt} was allocated without ALLOC_PASID`);
		expect(p.why(attach(table), EINVAL)).toBe(
			`test-pasid-attach.own-table: hwpt-paging ${hwpt}, which the device uses without PASID, was allocated without ALLOC_PASID`,
		);
		p.replace(stdev, table);
		expect(attach(table).ret).toBe(0);
		const other = p.hwpt(dev, ioas);
		expect(p.why(p.replace(stdev, other), EINVAL)).toBe(
			`test-mock-domain-replace.pasids-attached: hwpt-paging ${other} was allocated without ALLOC_PASID, and PASID 5 of the device is attached`,
		);
	});

	test("to an IOAS notes the page tables that do not fit, and why", () => {
		const p = new Asking();
		const ioas = p.ioas();
		const { stdev, dev, hwpt } = p.mock(ioas, 4);
		const table = p.hwpt(dev, ioas, HWPT.IOMMU_HWPT_ALLOC_PASID);
		const before = p.mock(ioas);
		expect(before.hwpt).toBe(hwpt);
		p.replace(stdev, table);
		expect(p.test({ op: OP.IOMMU_TEST_OP_PASID_ATTACH, id: stdev, pasid_attach: { pasid: 5, pt_id: table } })).toBe(0);
		p.why(p.replace(stdev, ioas), EINVAL);
		expect(p.notes()).toEqual([
			`test-mock-domain-replace.skipped: hwpt-paging ${hwpt}, an automatic page table of ioas 1, does not fit device ${dev} ` +
				`(test-mock-domain-replace.pasids-attached: hwpt-paging ${hwpt} was allocated without ALLOC_PASID, and PASID 5 of the device is attached)`,
		]);
	});
});

describe.skipIf(onReal)("vIOMMUs", () => {
	test("and what belongs to them", () => {
		const { p, ioas, dev, hwpt, parent } = machine();
		const type = defines.IOMMU_VIOMMU_TYPE_SELFTEST;
		expect(p.why(p.iommu.viommuAlloc({ type, dev_id: dev, hwpt_id: hwpt }), EINVAL)).toBe(
			`viommu-alloc.parent-not-nesting: hwpt-paging ${hwpt} was allocated without NEST_PARENT`,
		);
		expect(p.why(p.iommu.viommuAlloc({ type: 0, dev_id: dev, hwpt_id: parent }), EOPNOTSUPP)).toBe(
			"viommu-alloc.default-type: type is DEFAULT (0)",
		);
		const viommu = p.viommu(dev, parent);
		const vdevice = p.vdevice(viommu, dev, 7n);
		const other = p.mock(ioas);
		const alloc = (dev_id: number, virt_id: bigint) => p.why(p.iommu.vdeviceAlloc({ viommu_id: viommu, dev_id, virt_id }), 17);
		expect(alloc(dev, 8n)).toBe(`vdevice-alloc.device-taken: iommufd_mock0 is vdevice ${vdevice} already`);
		expect(alloc(other.dev, 7n)).toBe(`vdevice-alloc.id-taken: virt_id 0x7 is that of vdevice ${vdevice}`);
		const event = { viommu_id: viommu, type: defines.IOMMU_VEVENTQ_TYPE_SELFTEST, veventq_depth: 1 };
		expect(p.why(p.iommu.veventqAlloc({ ...event, veventq_depth: 0 }), EINVAL)).toBe("veventq-alloc.depth: veventq_depth is 0");
		const queue = must(p.iommu.veventqAlloc(event));
		expect(p.why(p.iommu.veventqAlloc(event), 17)).toBe(
			`veventq-alloc.type-taken: veventq ${queue.out_veventq_id} takes events of type ${event.type} already`,
		);
		expect(p.why(p.kernel.read(queue.out_veventq_fd, new Uint8Array(1)), EINVAL)).toBe(
			"read.vevent-read-size: the buffer has 1 bytes, less than a header's 8",
		);
		const hw = { viommu_id: viommu, type: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST, nesting_parent_iova: 0x100_0000n, length: 2n * PAGE };
		expect(p.why(p.iommu.hwQueueAlloc({ ...hw, length: 0n }), EINVAL)).toBe("hw-queue-alloc.length-zero: length is 0");
		expect(p.why(p.iommu.hwQueueAlloc(hw), ENOENT)).toBe("hw-queue-alloc.pin-gap: nothing is mapped at iova 0x1000000");
		p.map(ioas, 0x100_0000n, p.memory(2n * PAGE), 2n * PAGE);
		expect(p.why(p.iommu.hwQueueAlloc(hw), EFAULT)).toBe(
			"hw-queue-alloc.not-contiguous: the queue has 2 pages, which are not adjacent in physical memory",
		);
		expect(p.why(Number(p.kernel.mmap({ addr: 0n, length: PAGE, prot: 3, fd: p.fd, offset: 0x7000n })), ENXIO)).toBe(
			"mmap.not-offered: no driver offers 1 pages at page 0x7 of the file",
		);
	});

	test("note the events that nobody takes", () => {
		const { p, stdev, dev, parent } = machine();
		const viommu = p.viommu(dev, parent);
		p.vdevice(viommu, dev, 7n);
		p.replace(stdev, p.nested(dev, viommu));
		const raise = () => p.iommu.testCmd({ op: OP.IOMMU_TEST_OP_TRIGGER_VEVENT, trigger_vevent: { dev_id: dev } });
		const type = defines.IOMMU_VEVENTQ_TYPE_SELFTEST;
		p.why(raise(), EOPNOTSUPP);
		expect(p.notes()).toEqual([
			`test-trigger-vevent.no-queue: an event of type ${type} was dropped: viommu ${viommu} has no event queue of the type`,
		]);
		const queue = must(p.iommu.veventqAlloc({ viommu_id: viommu, type, veventq_depth: 1 }));
		raise();
		expect(p.notes()).toEqual([]);
		raise();
		expect(p.notes()).toEqual([
			`test-trigger-vevent.queue-full: an event was dropped: veventq ${queue.out_veventq_id} holds 1 events that were not read`,
		]);
	});
});

describe.skipIf(onReal)("page requests", () => {
	test("that are answered INVALID are noted with the reason", () => {
		const { p, ioas, stdev, dev } = machine();
		p.fault(dev, 3);
		expect(p.notes()).toEqual([
			"test-trigger-iopf.request-no-queue: the page requests of iommufd_mock0's group 3 were answered INVALID: the page table of requests without PASID has no fault queue",
		]);
		p.fault(dev, 3, 9);
		expect(p.notes()).toEqual([
			"test-trigger-iopf.request-not-attached: the page requests of iommufd_mock0's group 3 were answered INVALID: nothing is attached for PASID 9",
		]);
		const { out_fault_id, out_fault_fd: fd } = must(p.iommu.faultQueueAlloc());
		p.replace(stdev, p.hwpt(dev, ioas, HWPT.IOMMU_HWPT_FAULT_ID_VALID, out_fault_id));
		p.fault(dev, 4);
		expect(p.notes()).toEqual([]);
		expect(p.why(p.kernel.read(fd, new Uint8Array(7)), ESPIPE)).toBe("read.fault-read-size: the buffer has 7 bytes");
		expect(p.why(p.kernel.read(fd, new Uint8Array(0)), EINVAL)).toBe(
			"read.fault-room: the buffer has 0 bytes, and the next group of page requests 40",
		);
		expect(p.why(p.respond(fd, 77), EINVAL)).toBe("write.unknown-cookie: no group of page requests waits for an answer with cookie 77");
		expect(p.why(p.respond(fd, 1, 9), EINVAL)).toBe("write.response-code: code is 9");
		p.replace(stdev, ioas);
		expect(p.notes()).toEqual([
			"test-mock-domain-replace.abandoned: the page requests of iommufd_mock0's group 4 were answered INVALID: the device was detached, or its page table replaced",
		]);
	});
});

describe.skipIf(onReal)("the selftest's operations and VFIO's calls", () => {
	test("accesses", () => {
		const { p, ioas } = machine();
		const fd = p.access(ioas, 0);
		const pages = (id: number, fields: object, errno: number) =>
			p.why(p.iommu.testCmd({ op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id, access_pages: { length: PAGE, ...fields } }), errno);
		expect(pages(p.fd, {}, EBADFD)).toBe(`test-access-pages.no-access: fd ${p.fd} is a file of kind iommufd`);
		expect(pages(fd, {}, EOPNOTSUPP)).toMatch(/^test-access-pages\.cannot-pin: access \d+ was created without NEEDS_PIN_PAGES$/);
		expect(
			p.why(
				p.iommu.testCmd({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id: fd, access_rw: { iova: 0x100_0000n, length: 8n, uptr: p.memory() } }),
				ENOENT,
			),
		).toBe("test-access-rw.copy-gap: nothing is mapped at iova 0x1000000");
		const memory = p.memory();
		p.map(ioas, 0x100_0000n, memory);
		expect(p.why(p.pinned(memory, 3), 5)).toBe(
			`test-md-check-refs.other-count: the page at 0x${memory.toString(16)} is pinned 1 times, not 3`,
		);
		expect(p.why(p.iommu.testCmd({ op: 99 }), EOPNOTSUPP)).toBe("test-cmd.unknown-op: op is 99");
	});

	test("VFIO's calls on /dev/iommu", () => {
		const p = new Asking();
		const call = (name: "VFIO_SET_IOMMU" | "VFIO_IOMMU_MAP_DMA" | "VFIO_IOMMU_UNMAP_DMA" | "VFIO_IOMMU_GET_INFO", arg: bigint) =>
			p.kernel.ioctl(p.fd, ioctls[name].request, arg);
		const words = (...values: number[]) => p.place(new Uint8Array(Uint32Array.from(values).buffer));
		expect(p.why(call("VFIO_SET_IOMMU", 9n), EINVAL)).toBe("vfio-set-iommu.unknown-type: the type is 9");
		expect(p.why(call("VFIO_SET_IOMMU", 1n), 19)).toBe("vfio-set-iommu.no-compat-ioas: the context has no IOAS for VFIO's calls");
		expect(p.why(call("VFIO_IOMMU_GET_INFO", words(4, 0, 0, 0, 0, 0)), EINVAL)).toBe(
			"vfio-iommu-get-info.argsz-too-small: argsz is 4, less than the 16 bytes that this call needs",
		);
		expect(p.why(call("VFIO_IOMMU_MAP_DMA", words(32, 4, 0, 0, 0, 0, 0, 0)), EINVAL)).toBe(
			"vfio-iommu-map-dma.flags: flags is 0x4, with unknown bits 0x4",
		);
		must(p.iommu.vfioIoas({ op: 1, ioas_id: p.ioas() }));
		expect(p.why(call("VFIO_IOMMU_UNMAP_DMA", words(24, 2, 5, 0, 0, 0)), EINVAL)).toBe(
			"vfio-iommu-unmap-dma.all-with-range: flags has ALL, iova is 0x5 and size 0x0",
		);
		expect(p.why(p.kernel.ioctl(p.fd, 0x3bff, 0n), ENOTTY)).toBe("ioctl.unknown-command: request 0x3bff is not a command of /dev/iommu");
	});
});

/** One call with fields that fail, on a machine with ioas 1, selftest 2, device 3, hwpt-paging 4 and 5. */
type Failing = readonly [make: (p: Asking) => { readonly ret: number; readonly errno: number }, errno: number, why: string];

const op =
	(name: keyof typeof OP, fields: object): Failing[0] =>
	(p) =>
		p.iommu.testCmd({ op: OP[name], ...fields });

describe.skipIf(onReal)("every other call", () => {
	const rows: readonly Failing[] = [
		[(p) => p.iommu.ioasAlloc({ flags: 1 }), EOPNOTSUPP, "ioas-alloc.flags: flags is 0x1"],
		[(p) => p.iommu.ioasIovaRanges({ ioas_id: 3 }), ENOENT, "ioas-iova-ranges.no-ioas: no IOAS has the ID 3"],
		[(p) => p.iommu.ioasAllowIovas({ ioas_id: 1, __reserved: 1 }), EOPNOTSUPP, "ioas-allow-iovas.reserved-word: __reserved is 0x1"],
		[(p) => p.iommu.ioasMap({ ioas_id: 1, flags: 6, length: 0n }), EINVAL, "ioas-map.length-zero: length is 0"],
		[(p) => p.iommu.ioasMapFile({ ioas_id: 1, flags: 6, length: 0n }), EINVAL, "ioas-map-file.file-length-zero: length is 0"],
		[(p) => p.iommu.ioasCopy({ src_ioas_id: 9, flags: 6 }), ENOENT, "ioas-copy.no-source: no IOAS has the ID 9"],
		[(p) => p.iommu.ioasChangeProcess({ __reserved: 1 }), EOPNOTSUPP, "ioas-change-process.reserved-word: __reserved is 0x1"],
		[(p) => p.iommu.ioasNoiommuGetPa({ ioas_id: 1 }), EINVAL, "ioas-noiommu-get-pa.length-zero: length is 0"],
		[(p) => p.iommu.vfioIoas({ op: 0 }), ENODEV, "vfio-ioas.no-compat-ioas: the context has no compatibility IOAS"],
		[(p) => p.iommu.faultQueueAlloc({ flags: 1 }), EOPNOTSUPP, "fault-queue-alloc.flags: flags is 0x1"],
		[op("IOMMU_TEST_OP_ADD_RESERVED", { id: 1 }), EINVAL, "test-add-reserved.length-zero: length is 0"],
		[op("IOMMU_TEST_OP_MOCK_DOMAIN", { id: 9 }), ENOENT, "test-mock-domain.no-target: pt_id 9 names no object"],
		[
			op("IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS", { id: 1, mock_domain_flags: { dev_flags: 64 } }),
			EINVAL,
			"test-mock-domain-flags.device-flags: dev_flags is 0x40",
		],
		[op("IOMMU_TEST_OP_MD_CHECK_MAP", { id: 1 }), ENOENT, "test-md-check-map.no-page-table: id 1 names ioas 1"],
		[op("IOMMU_TEST_OP_MD_CHECK_IOTLB", { id: 5 }), ENOENT, "test-md-check-iotlb.no-nested: id 5 names hwpt-paging 5"],
		[
			op("IOMMU_TEST_OP_CREATE_ACCESS", { id: 1, create_access: { flags: 2 } }),
			EOPNOTSUPP,
			"test-create-access.flags: flags is 0x2, with unknown bits 0x2",
		],
		[op("IOMMU_TEST_OP_ACCESS_REPLACE_IOAS", { id: 77 }), EBADFD, "test-access-replace-ioas.no-access: fd 77 is not open"],
		[op("IOMMU_TEST_OP_DESTROY_ACCESS_PAGES", { id: 77 }), EBADFD, "test-destroy-access-pages.no-access: fd 77 is not open"],
		[op("IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT", {}), EINVAL, "test-set-temp-memory-limit.too-little: limit is 0"],
		[op("IOMMU_TEST_OP_DIRTY", { id: 5 }), EINVAL, "test-dirty.missing: page_size is 0x0, length 0x0 and uptr 0x0"],
		[op("IOMMU_TEST_OP_TRIGGER_IOPF", { trigger_iopf: { dev_id: 2 } }), ENOENT, "test-trigger-iopf.no-mock: the ID 2 names selftest 2"],
		[
			op("IOMMU_TEST_OP_DEV_CHECK_CACHE", { id: 3, check_dev_cache: { id: 0, cache: 1 } }),
			EINVAL,
			"test-dev-check-cache.other-cache: cache 0 is 0xbaddad, not 0x1",
		],
		[
			op("IOMMU_TEST_OP_TRIGGER_VEVENT", { trigger_vevent: { dev_id: 3 } }),
			ENOENT,
			"test-trigger-vevent.not-nested: iommufd_mock0 is not attached to a page table in a vIOMMU",
		],
		[op("IOMMU_TEST_OP_PASID_DETACH", { id: 3 }), ENOENT, "test-pasid-detach.no-selftest: id 3 names device 3"],
		[
			op("IOMMU_TEST_OP_PASID_CHECK_HWPT", { id: 2, pasid_check: { pasid: 0, hwpt_id: 5 } }),
			EINVAL,
			"test-pasid-check-hwpt.other-table: hwpt-paging 5 is not attached for PASID 0",
		],
		[op("IOMMU_TEST_OP_DMABUF_GET", {}), EINVAL, "test-dmabuf-get.dmabuf-length: length is 0"],
		[op("IOMMU_TEST_OP_DMABUF_REVOKE", { dmabuf_revoke: { dmabuf_fd: 77 } }), EBADF, "test-dmabuf-revoke.no-file: fd 77 is not open"],
	];
	test.each(rows)("%#", (make, errno, expected) => {
		const { p } = machine();
		expect(p.why(make(p), errno)).toBe(expected);
	});

	test("fails in this file", () => {
		const never = new Set(["IOMMU_TEST_CMD", "VFIO_GET_API_VERSION", "VFIO_CHECK_EXTENSION"]);
		const calls = Object.keys(contracts).filter((name) => !never.has(name));
		expect(calls.filter((name) => !failed.has(callId(name)))).toEqual([]);
	});
});

describe("the contract", () => {
	const all = { ...contracts, ...fileContract };

	test("has no two checks of the same name and vendor in a call", () => {
		for (const [name, group] of Object.entries(all)) {
			const texts = new Map<string, string>();
			for (const { check, vendor = "" } of inOrder(group, hooks)) {
				const known = texts.get(`${vendor}.${check.name}`);
				if (known !== undefined) expect(`${name}.${check.name}: ${check.text}`).toBe(`${name}.${check.name}: ${known}`);
				texts.set(`${vendor}.${check.name}`, check.text);
			}
		}
	});

	test("has checks of the core and of each driver in the order of the code", () => {
		const names = [...inOrder(contracts.IOMMU_HWPT_ALLOC, hooks)].map(({ check, vendor }) =>
			vendor ? `${vendor}: ${check.name}` : check.name,
		);
		expect(names.indexOf("reserved-word")).toBeLessThan(names.indexOf("no-device"));
		expect(names.indexOf("no-device")).toBeLessThan(names.indexOf("paging-flags"));
		expect(names.indexOf("paging-memory")).toBeLessThan(names.indexOf("selftest: mock-paging-type"));
		expect(names.at(-1)).toBe("struct-not-writable");
	});
});
