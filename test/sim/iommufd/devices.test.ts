/** Tests attaching mock devices, allocating page tables and closing a context. */
import { describe, expect, test } from "vitest";
import { EADDRINUSE, EBUSY, EINVAL, ENOENT, EOPNOTSUPP } from "../../../src/kernel/errno.js";
import { mock_flags_device as DEVICE, defines, iommufd_hwpt_alloc_flags as HWPT, iommu_test_op as OP } from "../../../structs/index.js";
import { must, onReal, Program, rc } from "../kernel-under-test.js";

const { IOMMU_HWPT_ALLOC_PASID: PASID, IOMMU_HWPT_ALLOC_NEST_PARENT: NEST, IOMMU_HWPT_ALLOC_DIRTY_TRACKING: DIRTY } = HWPT;

function pasid(program: Program, stdev: number) {
	return {
		attach: (pasid: number, pt_id: number) =>
			program.test({ op: OP.IOMMU_TEST_OP_PASID_ATTACH, id: stdev, pasid_attach: { pasid, pt_id } }),
		replace: (pasid: number, pt_id: number) =>
			program.test({ op: OP.IOMMU_TEST_OP_PASID_REPLACE, id: stdev, pasid_replace: { pasid, pt_id } }),
		detach: (pasid: number) => program.test({ op: OP.IOMMU_TEST_OP_PASID_DETACH, id: stdev, pasid_detach: { pasid } }),
		check: (pasid: number, hwpt_id: number) =>
			program.test({ op: OP.IOMMU_TEST_OP_PASID_CHECK_HWPT, id: stdev, pasid_check: { pasid, hwpt_id } }),
	};
}

describe("attaching", () => {
	test("to an IOAS uses its first automatic table, which is destroyed with its last user", () => {
		const program = new Program();
		const ioas = program.ioas();
		const first = program.mock(ioas);
		const second = program.mock(ioas);
		expect(second.hwpt).toBe(first.hwpt);
		program.destroy(first.stdev);
		expect(program.destroy(first.hwpt)).toBe(-EBUSY);
		program.destroy(second.stdev);
		expect(program.destroy(first.hwpt)).toBe(-ENOENT);
		expect(program.destroy(ioas)).toBe(0);
	});

	test("to an object that is neither IOAS nor table is EINVAL, to an unknown ID ENOENT", () => {
		const program = new Program();
		const { stdev, dev } = program.mock(program.ioas());
		expect(program.replace(stdev, dev)).toBe(-EINVAL);
		expect(program.replace(stdev, 999)).toBe(-ENOENT);
		expect(program.replace(stdev, stdev)).toBe(-EINVAL);
	});

	test("elsewhere moves the device and its reserved ranges to the new IOAS", () => {
		const program = new Program();
		const [ioas, other] = [program.ioas(), program.ioas()];
		const { stdev } = program.mock(ioas);
		expect(program.destroy(ioas)).toBe(-EBUSY);
		expect(program.replace(stdev, other)).toBe(0);
		expect(program.destroy(ioas)).toBe(0);
		expect(program.destroy(other)).toBe(-EBUSY);
	});

	test("elsewhere changes nothing if a mapping is in the way", () => {
		const program = new Program();
		const [ioas, other] = [program.ioas(), program.ioas()];
		const { stdev, hwpt } = program.mock(ioas);
		program.map(other, 0n, program.memory());
		expect(program.replace(stdev, other)).toBe(-EADDRINUSE);
		expect(pasid(program, stdev).check(0, hwpt)).toBe(0);
	});
});

describe("HWPT_ALLOC", () => {
	test("checks reserved, data, device, parent, flags and fault queue in this order", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { dev } = program.mock(ioas);
		const alloc = (fields: object) => rc(program.iommu.hwptAlloc({ dev_id: dev, pt_id: ioas, ...fields }));
		expect(alloc({ __reserved: 1, data_len: 4, dev_id: 99 })).toBe(-EOPNOTSUPP);
		expect(alloc({ data_len: 4, dev_id: 99 })).toBe(-EINVAL);
		expect(alloc({ dev_id: 99, pt_id: 99 })).toBe(-ENOENT);
		expect(alloc({ pt_id: 99, flags: 0x100 })).toBe(-EINVAL);
		expect(alloc({ flags: 0x100 })).toBe(-EOPNOTSUPP);
		expect(alloc({ flags: 4 | NEST, fault_id: 99 })).toBe(-EOPNOTSUPP);
		expect(alloc({ flags: 4, fault_id: 99 })).toBe(-ENOENT);
		expect(alloc({})).toBe(0);
	});

	test("of a nested table needs a parent allocated as a nesting parent", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { dev, hwpt } = program.mock(ioas);
		const plain = program.hwpt(dev, ioas);
		const parent = program.hwpt(dev, ioas, NEST);
		expect(() => program.nested(dev, hwpt)).toThrow(`errno ${EINVAL}`);
		expect(() => program.nested(dev, plain)).toThrow(`errno ${EINVAL}`);
		const nested = program.nested(dev, parent);
		expect(program.destroy(parent)).toBe(-EBUSY);
		expect(program.destroy(nested)).toBe(0);
		expect(program.destroy(parent)).toBe(0);
	});

	test("with dirty tracking needs a device that supports it", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { dev, stdev } = program.mock(ioas, DEVICE.MOCK_FLAGS_DEVICE_NO_DIRTY);
		expect(rc(program.iommu.hwptAlloc({ dev_id: dev, pt_id: ioas, flags: DIRTY }))).toBe(-EOPNOTSUPP);
		const tracking = program.hwpt(program.mock(ioas).dev, ioas, DIRTY);
		expect(program.replace(stdev, tracking)).toBe(-EINVAL);
	});
});

describe("PASIDs", () => {
	test("need tables with the PASID flag, and then the device's own table needs it too", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { stdev, dev } = program.mock(ioas, DEVICE.MOCK_FLAGS_DEVICE_PASID);
		const { attach, check, detach } = pasid(program, stdev);
		const plain = program.hwpt(dev, ioas);
		const compatible = program.hwpt(dev, ioas, PASID);
		expect(attach(1, plain)).toBe(-EINVAL);
		expect(attach(1, compatible)).toBe(-EINVAL);
		expect(program.replace(stdev, compatible)).toBe(0);
		expect(attach(1, compatible)).toBe(0);
		expect(attach(1, compatible)).toBe(-EBUSY);
		expect(check(1, compatible)).toBe(0);
		expect(check(1, 0)).toBe(-EINVAL);
		expect(program.replace(stdev, plain)).toBe(-EINVAL);
		expect(program.destroy(compatible)).toBe(-EBUSY);
		expect(detach(1)).toBe(0);
		expect(check(1, 0)).toBe(0);
		expect(program.replace(stdev, plain)).toBe(0);
	});

	test("beyond the device's width are EINVAL; replacing needs one that is attached", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { stdev, dev } = program.mock(ioas, DEVICE.MOCK_FLAGS_DEVICE_PASID);
		const { attach, replace, check } = pasid(program, stdev);
		const [a, b] = [program.hwpt(dev, ioas, PASID), program.hwpt(dev, ioas, PASID)];
		program.replace(stdev, a);
		expect(attach(1 << defines.MOCK_PASID_WIDTH, a)).toBe(-EINVAL);
		expect(replace(7, a)).toBe(-EINVAL);
		expect(attach(7, a)).toBe(0);
		expect(replace(7, b)).toBe(0);
		expect(check(7, b)).toBe(0);
		expect(program.test({ op: OP.IOMMU_TEST_OP_PASID_DETACH, id: stdev, pasid_detach: { pasid: 7 } })).toBe(0);
		expect(program.destroy(stdev)).toBe(0);
		expect(program.destroy(a)).toBe(0);
		expect(program.destroy(b)).toBe(0);
	});

	test("that are attached when the mock device is removed keep its device and their tables EBUSY until the context is closed", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { stdev, dev } = program.mock(ioas, DEVICE.MOCK_FLAGS_DEVICE_PASID);
		const table = program.hwpt(dev, ioas, PASID);
		program.replace(stdev, table);
		expect(pasid(program, stdev).attach(5, table)).toBe(0);
		expect(program.destroy(stdev)).toBe(0);
		expect([dev, table, ioas].map((id) => program.destroy(id))).toEqual([-EBUSY, -EBUSY, -EBUSY]);
		expect(program.ioas()).toBe(stdev);
		if (onReal) return;
		const { system } = program.sim;
		expect(system.log.join()).toContain("with PASIDs attached");
		program.kernel.exit();
		expect([system.contexts.size, system.physical.pinned]).toEqual([0, false]);
	});
});

describe("GET_HW_INFO", () => {
	test("writes as much as fits and zeroes the rest of the caller's buffer", () => {
		const program = new Program();
		const { dev } = program.mock(program.ioas());
		const data_uptr = program.place(new Uint8Array(32).fill(0xff));
		const short = must(program.iommu.getHwInfo({ dev_id: dev, data_len: 4, data_uptr }));
		expect(short).toMatchObject({ out_data_type: defines.IOMMU_HW_INFO_TYPE_SELFTEST, data_len: 8 });
		expect([...program.peek(data_uptr, 6)]).toEqual([0, 0, 0, 0, 0xff, 0xff]);
		const long = must(program.iommu.getHwInfo({ dev_id: dev, data_len: 24, data_uptr }));
		expect(long.data_len).toBe(8);
		const bytes = program.peek(data_uptr, 32);
		expect(new DataView(bytes.buffer).getUint32(4, true)).toBe(defines.IOMMU_HW_INFO_SELFTEST_REGVAL);
		expect([...bytes.subarray(8, 26)]).toEqual([...new Uint8Array(16), 0xff, 0xff]);
		expect(rc(program.iommu.getHwInfo({ dev_id: 99 }))).toBe(-ENOENT);
		expect(rc(program.iommu.getHwInfo({ dev_id: dev, flags: 2 }))).toBe(-EOPNOTSUPP);
		expect(rc(program.iommu.getHwInfo({ dev_id: dev, data_len: 8, data_uptr: 0x1000n }))).toBe(-14);
	});
});

describe("a context that is closed", () => {
	test("destroys its mock devices and drops its pins", () => {
		const program = new Program();
		const memory = program.memory();
		const other = new Program(program.kernel);
		const ioas = other.ioas();
		other.mock(ioas);
		expect(other.map(ioas, 0x100_0000n, memory)).toBe(0);
		expect(program.pinned(memory, 1)).toBe(0);
		expect(program.kernel.close(other.fd)).toBe(0);
		expect(program.pinned(memory, 0)).toBe(0);
	});

	test("lives as long as a fault queue's file does", () => {
		const program = new Program();
		const memory = program.memory();
		const other = new Program(program.kernel);
		const ioas = other.ioas();
		other.mock(ioas);
		other.map(ioas, 0x100_0000n, memory);
		const { out_fault_fd } = must(other.iommu.faultQueueAlloc());
		program.kernel.close(other.fd);
		expect(program.pinned(memory, 1)).toBe(0);
		program.kernel.close(out_fault_fd);
		expect(program.pinned(memory, 0)).toBe(0);
	});
});
