/** Tests of mapping the mock vIOMMU's pages with mmap. */
import { describe, expect, test } from "vitest";
import { EBUSY, ENXIO } from "../../../../src/kernel/errno.js";
import { PROT_READ } from "../../../../src/kernel/kernel.js";
import { createSim } from "../../../../src/sim/index.js";
import {
	defines,
	ioctls,
	iommu_destroy,
	iommu_hwpt_alloc,
	iommu_ioas_alloc,
	iommu_test_cmd,
	iommu_test_op,
	iommu_viommu_alloc,
	iommu_viommu_selftest,
} from "../../../../structs/index.js";

/** Creates a mock vIOMMU with data; returns its ID and the offset of its pages in the context's file. */
function mappable() {
	const sim = createSim();
	const program = sim.newProcess();
	const fd = program.open("/dev/iommu");
	const call = (name: keyof typeof ioctls, bytes: Uint8Array) => program.ioctl(fd, ioctls[name].request, bytes);
	const ioas = iommu_ioas_alloc.encode({ size: iommu_ioas_alloc.size });
	call("IOMMU_IOAS_ALLOC", ioas);
	const mock = iommu_test_cmd.encode({ size: iommu_test_cmd.size, op: iommu_test_op.IOMMU_TEST_OP_MOCK_DOMAIN, id: 1 });
	call("IOMMU_TEST_CMD", mock);
	const dev_id = iommu_test_cmd.decode(mock).mock_domain.out_idev_id;
	const hwpt = iommu_hwpt_alloc.encode({ size: iommu_hwpt_alloc.size, flags: 1, dev_id, pt_id: 1 });
	call("IOMMU_HWPT_ALLOC", hwpt);
	const data_uptr = program.mmap({ addr: 0n, length: 4096n, prot: 3 });
	program.poke(data_uptr, iommu_viommu_selftest.encode({ in_data: 0xabcd }));
	const viommu = iommu_viommu_alloc.encode({
		size: iommu_viommu_alloc.size,
		type: defines.IOMMU_VIOMMU_TYPE_SELFTEST,
		dev_id,
		hwpt_id: iommu_hwpt_alloc.decode(hwpt).out_hwpt_id,
		data_len: iommu_viommu_selftest.size,
		data_uptr,
	});
	expect(call("IOMMU_VIOMMU_ALLOC", viommu)).toBe(0);
	const data = new Uint8Array(iommu_viommu_selftest.size);
	program.peek(data_uptr, data);
	const { out_mmap_offset: offset, out_mmap_length: length } = iommu_viommu_selftest.decode(data);
	const id = iommu_viommu_alloc.decode(viommu).out_viommu_id;
	const destroy = () => call("IOMMU_DESTROY", iommu_destroy.encode({ size: iommu_destroy.size, id }));
	return { sim, program, fd, offset, length, destroy };
}

describe("the mock vIOMMU's pages", () => {
	test("are mapped whole or not at all, and hold the caller's data", () => {
		const { program, fd, offset, length } = mappable();
		expect(program.mmap({ addr: 0n, length: 4096n, prot: PROT_READ, fd, offset })).toBe(BigInt(-ENXIO));
		expect(program.mmap({ addr: 0n, length, prot: PROT_READ, fd, offset: offset + 4096n })).toBe(BigInt(-ENXIO));
		const word = new Uint8Array(4);
		program.peek(program.mmap({ addr: 0n, length, prot: PROT_READ, fd, offset }), word);
		expect([...word]).toEqual([0xcd, 0xab, 0, 0]);
	});

	test("keep the vIOMMU while they are mapped, even if only in part", () => {
		const { program, fd, offset, length, destroy } = mappable();
		const addr = program.mmap({ addr: 0n, length, prot: PROT_READ, fd, offset });
		expect(destroy()).toBe(-EBUSY);
		program.munmap(addr, 4096n);
		expect(destroy()).toBe(-EBUSY);
		program.munmap(addr, length);
		expect(destroy()).toBe(0);
	});

	test("keep the context when its file is closed; the program's end releases everything", () => {
		const { sim, program, fd, offset, length } = mappable();
		program.mmap({ addr: 0n, length, prot: PROT_READ, fd, offset });
		program.close(fd);
		expect(sim.contexts.size).toBe(1);
		program.exit();
		expect(sim.contexts.size).toBe(0);
	});
});
