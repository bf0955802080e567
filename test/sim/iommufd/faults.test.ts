/** Tests fault queues and their files. */
import { describe, expect, test } from "vitest";
import { readFaults } from "../../../src/client/queues.js";
import { EBUSY, EINVAL, EOPNOTSUPP, ESPIPE } from "../../../src/kernel/errno.js";
import {
	iommu_hwpt_pgfault as FAULT,
	iommufd_hwpt_alloc_flags as HWPT,
	iommu_hwpt_page_response as RESPONSE,
} from "../../../structs/index.js";
import { must, Program, rc } from "../kernel-under-test.js";

/** A device on a table with a fault queue. */
function faulting() {
	const program = new Program();
	const ioas = program.ioas();
	const { stdev, dev } = program.mock(ioas);
	const { out_fault_id: queue, out_fault_fd: fd } = must(program.iommu.faultQueueAlloc());
	const hwpt = program.hwpt(dev, ioas, HWPT.IOMMU_HWPT_FAULT_ID_VALID, queue);
	program.replace(stdev, hwpt);
	const read = (messages: number) => readFaults(program.kernel, fd, messages * FAULT.size);
	return { program, ioas, stdev, dev, queue, fd, hwpt, read };
}

describe("a fault queue's file", () => {
	test("returns whole messages; a partial one is ESPIPE, an empty queue 0", () => {
		const { program, fd, read, dev } = faulting();
		expect(read(1).ret).toBe(0);
		expect(program.poll(fd)).toBe("out");
		program.fault(dev, 5);
		expect(program.poll(fd)).toBe("in out");
		expect(program.kernel.read(fd, new Uint8Array(FAULT.size + 1))).toBe(-ESPIPE);
		expect(program.kernel.read(fd, new Uint8Array(0))).toBe(-EINVAL);
		expect(read(2).messages).toEqual([
			{ flags: 2, dev_id: dev, pasid: 0, grpid: 5, perm: 3, __reserved: 0, addr: 0x4000n, length: 0, cookie: 1 },
		]);
		expect(program.poll(fd)).toBe("out");
	});

	test("cookies are the lowest free numbers from 1, assigned by read", () => {
		const { program, fd, read, dev } = faulting();
		for (let i = 0; i < 4; i++) program.fault(dev, i);
		expect(read(3).messages.map(({ cookie }) => cookie)).toEqual([1, 2, 3]);
		expect(program.respond(fd, 2)).toBe(RESPONSE.size);
		expect(program.respond(fd, 2)).toBe(-EINVAL);
		expect(read(1).messages.map(({ cookie, grpid }) => [cookie, grpid])).toEqual([[2, 3]]);
	});

	test("responses: an unknown cookie or code is EINVAL, and valid ones before it take effect", () => {
		const { program, fd, read, dev } = faulting();
		program.fault(dev);
		program.fault(dev);
		read(2);
		expect(program.kernel.write(fd, new Uint8Array(RESPONSE.size - 1))).toBe(-ESPIPE);
		expect(program.respond(fd, 1, 7)).toBe(-EINVAL);
		expect(program.respond(fd, 9)).toBe(-EINVAL);
		const both = RESPONSE.encodeArray([
			{ cookie: 1, code: 0 },
			{ cookie: 9, code: 0 },
			{ cookie: 2, code: 0 },
		]);
		expect(program.kernel.write(fd, both)).toBe(RESPONSE.size);
		expect(program.respond(fd, 2, 1)).toBe(RESPONSE.size);
	});

	test("a bad address loses nothing", () => {
		const { program, fd, read, dev } = faulting();
		program.fault(dev);
		expect(program.kernel.read(fd, { addr: 0x1000n, length: FAULT.size })).toBe(-14);
		expect(read(1).messages.map(({ cookie }) => cookie)).toEqual([1]);
	});
});

describe("outstanding faults", () => {
	test("are answered for the guest when the device moves, and their cookies are gone", () => {
		const { program, fd, read, dev, stdev, ioas } = faulting();
		program.fault(dev);
		program.fault(dev);
		expect(read(1).messages).toHaveLength(1);
		expect(program.replace(stdev, ioas)).toBe(0);
		expect(program.respond(fd, 1)).toBe(-EINVAL);
		expect(read(2).ret).toBe(0);
	});

	test("of a table without a queue are refused and not queued", () => {
		const { program, dev, stdev, ioas, read } = faulting();
		program.replace(stdev, ioas);
		expect(program.fault(dev)).toBe(0);
		expect(read(1).ret).toBe(0);
	});
});

describe("a fault queue", () => {
	test("is kept alive by its file and by the tables that use it", () => {
		const { program, queue, fd, stdev, ioas, hwpt } = faulting();
		expect(program.destroy(queue)).toBe(-EBUSY);
		program.kernel.close(fd);
		expect(program.destroy(queue)).toBe(-EBUSY);
		program.replace(stdev, ioas);
		expect(program.destroy(hwpt)).toBe(0);
		expect(program.destroy(queue)).toBe(0);
		expect(rc(program.iommu.faultQueueAlloc({ flags: 1 }))).toBe(-EOPNOTSUPP);
	});
});
