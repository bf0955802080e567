/** Tests VFIO's container calls on /dev/iommu. */
import { describe, expect, test } from "vitest";
import { EADDRINUSE, EEXIST, EINVAL, ENODEV, ENOENT } from "../../../src/kernel/errno.js";
import { ioctls, iommu_test_op as OP, vfio_defines as V } from "../../../structs/index.js";
import { must, onReal, PAGE, Program, rc } from "../kernel-under-test.js";

function compat(type?: number) {
	const program = new Program();
	const { kernel, fd, iommu } = program;
	const setIommu = (value: number) => kernel.ioctl(fd, ioctls.VFIO_SET_IOMMU.request, BigInt(value));
	const extension = (value: number) => kernel.ioctl(fd, ioctls.VFIO_CHECK_EXTENSION.request, BigInt(value));
	let ioas = 0;
	if (type !== undefined) {
		ioas = program.ioas();
		expect(rc(iommu.vfioIoas({ ioas_id: ioas, op: 1 }))).toBe(0);
		expect(setIommu(type)).toBe(0);
	}
	const memory = program.memory(16n * PAGE);
	const map = (iova: bigint, size = PAGE, flags = 3) => rc(iommu.vfioMapDma({ argsz: 32, flags, vaddr: memory, iova, size }));
	const unmap = (iova: bigint, size = PAGE, flags = 0) => {
		const answer = iommu.vfioUnmapDma({ argsz: 24, flags, iova, size });
		return answer.ret < 0 ? rc(answer) : answer.decoded.size;
	};
	return { program, ioas, setIommu, extension, map, unmap };
}

describe("VFIO's calls", () => {
	test("need an IOAS, which IOMMU_VFIO_IOAS chooses", () => {
		const { program, setIommu, map } = compat();
		const { iommu } = program;
		expect(setIommu(V.VFIO_TYPE1_IOMMU)).toBe(-ENODEV);
		expect(map(0n)).toBe(-ENODEV);
		expect(rc(iommu.vfioIoas({ op: 0 }))).toBe(-ENODEV);
		expect(rc(iommu.vfioIoas({ op: 1, ioas_id: 99 }))).toBe(-ENOENT);
		const ioas = program.ioas();
		expect(rc(iommu.vfioIoas({ op: 1, ioas_id: ioas }))).toBe(0);
		expect(must(iommu.vfioIoas({ op: 0 })).ioas_id).toBe(ioas);
		expect(rc(iommu.vfioIoas({ op: 2 }))).toBe(0);
		expect(rc(iommu.vfioIoas({ op: 0 }))).toBe(-ENODEV);
	});

	test("report the supported features", () => {
		const { extension, setIommu } = compat(V.VFIO_TYPE1v2_IOMMU);
		expect([V.VFIO_TYPE1_IOMMU, V.VFIO_TYPE1v2_IOMMU, V.VFIO_UNMAP_ALL, V.VFIO_UPDATE_VADDR].map(extension)).toEqual([1, 1, 1, 0]);
		expect(setIommu(V.VFIO_TYPE1_NESTING_IOMMU)).toBe(-EINVAL);
	});

	test("map at the given IOVA, and unmap whole mappings (type 1 v2)", () => {
		const { map, unmap } = compat(V.VFIO_TYPE1v2_IOMMU);
		expect(map(0x10000n, 4n * PAGE)).toBe(0);
		expect(map(0x11000n)).toBe(-EEXIST);
		expect(unmap(0x11000n)).toBe(-ENOENT);
		expect(unmap(0x10000n, 4n * PAGE)).toBe(4n * PAGE);
		expect(unmap(0x10000n, 4n * PAGE)).toBe(0n);
		expect(unmap(0n, 0n)).toBe(-EINVAL);
	});

	test("unmap parts too (type 1)", () => {
		const { map, unmap } = compat(V.VFIO_TYPE1_IOMMU);
		expect(map(0x10000n, 8n * PAGE)).toBe(0);
		expect(unmap(0x12000n, 2n * PAGE)).toBe(2n * PAGE);
		expect(map(0x12000n)).toBe(0);
		expect(map(0x11000n)).toBe(-EEXIST);
		expect(unmap(0n, 0n, V.VFIO_DMA_UNMAP_FLAG_ALL)).toBe(7n * PAGE);
		expect(unmap(0n, PAGE, V.VFIO_DMA_UNMAP_FLAG_ALL)).toBe(-EINVAL);
	});

	test("do not split a mapping that an access holds, or any with large pages", () => {
		const { program, ioas, map, unmap } = compat(V.VFIO_TYPE1_IOMMU);
		expect(map(0x10000n, 4n * PAGE)).toBe(0);
		const id = program.access(ioas);
		const pin = { op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id, access_pages: { iova: 0x10000n, length: PAGE, uptr: 0n } };
		expect(program.test(pin)).toBe(0);
		expect(unmap(0x12000n)).toBe(-EINVAL);
		program.kernel.close(id);
		expect(unmap(0x12000n)).toBe(PAGE);
	});

	test("type 1 requires whole pages from then on", () => {
		const { program, ioas, setIommu } = compat(V.VFIO_TYPE1v2_IOMMU);
		expect(program.map(ioas, 0x800n, program.memory() + 0x800n, 0x800n)).toBe(0);
		expect(setIommu(V.VFIO_TYPE1_IOMMU)).toBe(-EADDRINUSE);
	});

	test.skipIf(onReal)("a mapping without read and write access warns, if a device is attached, and is EINVAL", () => {
		const { program, ioas, map } = compat(V.VFIO_TYPE1v2_IOMMU);
		program.mock(ioas);
		expect(map(0x100_0000n, PAGE, 0)).toBe(-EINVAL);
		expect(program.sim.system.log).toHaveLength(1);
	});
});

describe("unmapping with type 1, which splits areas at the ends", () => {
	test("does not split an area that begins at that very byte: it extends beyond the range, ENOENT with size 0", () => {
		const { program, map } = compat(V.VFIO_TYPE1_IOMMU);
		expect(map(0x11000n, 3n * PAGE)).toBe(0);
		const unmap = (iova: bigint, size: bigint) => {
			const answer = program.iommu.vfioUnmapDma({ argsz: 24, flags: 0, iova, size });
			return [rc(answer), answer.decoded.size];
		};
		expect(unmap(0x10000n, PAGE + 1n)).toEqual([-ENOENT, 0n]);
		expect(unmap(0x11000n, 1n)).toEqual([-ENOENT, 0n]);
		expect(unmap(0x12000n, 1n)).toEqual([-EINVAL, 1n]);
	});
});
