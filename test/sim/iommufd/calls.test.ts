/** Tests the rules that all of iommufd's calls share, object IDs and options. */
import { describe, expect, test } from "vitest";
import { E2BIG, EBADF, EFAULT, EINVAL, ENOENT, ENOTTY, EOPNOTSUPP } from "../../../src/kernel/errno.js";
import { ioctls, iommu_destroy, iommu_ioas_alloc, iommu_ioas_map } from "../../../structs/index.js";
import { must, PAGE, Program, READ, rc } from "../kernel-under-test.js";

describe("a call in general", () => {
	test("an unknown command number is ENOTTY, and so are wrong direction bits", () => {
		const { kernel, fd } = new Program();
		expect(kernel.ioctl(fd, 0x3bff, new Uint8Array(64))).toBe(-ENOTTY);
		expect(kernel.ioctl(fd, 0x3b00, new Uint8Array(64))).toBe(-ENOTTY);
		expect(kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request | 0xc0000000, iommu_ioas_alloc.encode({ size: 12 }))).toBe(-ENOTTY);
		expect(kernel.ioctl(99, ioctls.IOMMU_DESTROY.request, new Uint8Array(8))).toBe(-EBADF);
	});

	test("a bad pointer is EFAULT even for an unknown number in the commands' range", () => {
		const { kernel, fd } = new Program();
		for (const request of [ioctls.IOMMU_DESTROY.request | 0xc0000000, 0x3a80, 0x3b9b]) {
			expect(kernel.ioctl(fd, request, 0x10n)).toBe(-EFAULT);
			expect(kernel.ioctl(fd, request, new Uint8Array(8))).toBe(-ENOTTY);
		}
		expect(kernel.ioctl(fd, 0x3bff, 0x10n)).toBe(-ENOTTY);
	});

	test("a size below the minimum is EINVAL, a bad pointer EFAULT", () => {
		const { kernel, fd } = new Program();
		const { request } = ioctls.IOMMU_IOAS_MAP;
		expect(kernel.ioctl(fd, request, iommu_ioas_map.encode({ size: 39 }))).toBe(-EINVAL);
		expect(kernel.ioctl(fd, request, 0x1000n)).toBe(-EFAULT);
	});

	test("bytes beyond the kernel's size must be zero, otherwise E2BIG", () => {
		const { kernel, fd } = new Program();
		const bytes = new Uint8Array(64);
		iommu_ioas_alloc.encode({ size: 64 }, bytes);
		expect(kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, bytes)).toBe(0);
		bytes[63] = 1;
		expect(kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, bytes)).toBe(-E2BIG);
	});

	test("unknown flags and nonzero reserved fields are EOPNOTSUPP before any object is looked up", () => {
		const { iommu } = new Program();
		expect(rc(iommu.ioasAlloc({ flags: 1 }))).toBe(-EOPNOTSUPP);
		expect(rc(iommu.ioasMap({ flags: 8 | READ, ioas_id: 999, length: PAGE }))).toBe(-EOPNOTSUPP);
		expect(rc(iommu.ioasMap({ flags: READ, __reserved: 1, ioas_id: 999, length: PAGE }))).toBe(-EOPNOTSUPP);
		expect(rc(iommu.ioasIovaRanges({ __reserved: 1, ioas_id: 999 }))).toBe(-EOPNOTSUPP);
	});

	test("a struct that straddles the end of memory is EFAULT and changes nothing", () => {
		const program = new Program();
		const addr = program.memory(PAGE) + PAGE - 8n;
		program.kernel.poke(addr, iommu_ioas_alloc.encode({ size: 12 }).subarray(0, 8));
		expect(program.kernel.ioctl(program.fd, ioctls.IOMMU_IOAS_ALLOC.request, addr)).toBe(-EFAULT);
		expect(program.ioas()).toBe(1);
	});
});

describe("object IDs", () => {
	test("are the lowest free number from 1, for each open file", () => {
		const program = new Program();
		const { kernel } = program;
		expect([program.ioas(), program.ioas(), program.ioas()]).toEqual([1, 2, 3]);
		expect(program.destroy(2)).toBe(0);
		expect(program.destroy(2)).toBe(-ENOENT);
		expect([program.ioas(), program.ioas()]).toEqual([2, 4]);
		const other = program.open();
		const bytes = iommu_ioas_alloc.encode({ size: 12 });
		expect(kernel.ioctl(other, ioctls.IOMMU_IOAS_ALLOC.request, bytes)).toBe(0);
		expect(iommu_ioas_alloc.decode(bytes).out_ioas_id).toBe(1);
		expect(kernel.ioctl(other, ioctls.IOMMU_DESTROY.request, iommu_destroy.encode({ size: 8, id: 2 }))).toBe(-ENOENT);
	});

	test("a failing allocation leaves no hole", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { dev } = program.mock(ioas);
		expect(rc(program.iommu.hwptAlloc({ dev_id: dev, pt_id: ioas, flags: 4, fault_id: 999 }))).toBe(-ENOENT);
		const next = program.ioas();
		program.destroy(next);
		expect(program.hwpt(dev, ioas)).toBe(next);
	});

	test("of a device belong to the driver: IOMMU_DESTROY cannot remove it", () => {
		const program = new Program();
		const { dev, stdev, hwpt } = program.mock(program.ioas());
		expect(program.destroy(dev)).toBeLessThan(0);
		expect(program.destroy(hwpt)).toBeLessThan(0);
		expect(program.destroy(stdev)).toBe(0);
		expect(program.destroy(dev)).toBe(-ENOENT);
		expect(program.destroy(hwpt)).toBe(-ENOENT);
	});
});

describe("options", () => {
	test("huge pages are per IOAS: off raises the alignment to a page, and back", () => {
		const program = new Program();
		const ioas = program.ioas();
		const alignment = () =>
			must(program.iommu.ioasIovaRanges({ ioas_id: ioas, num_iovas: 1, allowed_iovas: program.memory() })).out_iova_alignment;
		const option = (op: number, val64 = 0n) => program.iommu.option({ option_id: 1, op, object_id: ioas, val64 });
		expect(alignment()).toBe(1n);
		expect(must(option(1)).val64).toBe(1n);
		expect(rc(option(0, 0n))).toBe(0);
		expect(alignment()).toBe(PAGE);
		expect(must(option(1)).val64).toBe(0n);
		expect(rc(option(0, 2n))).toBe(-EINVAL);
		expect(rc(option(0, 1n))).toBe(0);
		expect(alignment()).toBe(1n);
	});

	test("cannot be changed once a page table holds mappings", () => {
		const program = new Program();
		const ioas = program.ioas();
		program.mock(ioas);
		const off = () => rc(program.iommu.option({ option_id: 1, op: 0, object_id: ioas, val64: 0n }));
		expect(program.map(ioas, 0x100_0000n, program.memory())).toBe(0);
		expect(off()).toBe(-EINVAL);
		expect(program.unmap(ioas, 0x100_0000n)).toBe(0);
		expect(off()).toBe(0);
	});

	test("RLIMIT_MODE can be set only in an empty context", () => {
		const program = new Program();
		const set = (val64: bigint) => rc(program.iommu.option({ option_id: 0, op: 0, val64 }));
		expect(set(1n)).toBe(0);
		expect(set(2n)).toBe(-EINVAL);
		program.ioas();
		expect(set(0n)).toBe(-16);
	});
});
