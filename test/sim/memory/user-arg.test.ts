/** Tests the bytes that follow a placed argument. */
import { describe, expect, test } from "vitest";
import { E2BIG } from "../../../src/kernel/errno.js";
import { ioctls } from "../../../structs/index.js";
import { Program } from "../kernel-under-test.js";

/** IOAS_ALLOC with `length` bytes placed, the first four of which hold `size`. */
function alloc(length: number, size: number): number {
	const program = new Program();
	const bytes = new Uint8Array(length);
	new DataView(bytes.buffer).setUint32(0, size, true);
	return program.kernel.ioctl(program.fd, ioctls.IOMMU_IOAS_ALLOC.request, bytes);
}

describe("after the bytes that a program placed", () => {
	test("there are zeroes up to the page's end, however few they were", () => {
		for (const length of [12, 16, 24, 40, 4096]) expect([length, alloc(length, 4096)]).toEqual([length, 0]);
	});

	test("and then bytes that are not zero", () => {
		for (const length of [12, 40, 4096]) expect([length, alloc(length, 4097)]).toEqual([length, -E2BIG]);
		expect([alloc(4097, 8192), alloc(4097, 8193)]).toEqual([0, -E2BIG]);
	});

	test("also after a call that wrote beyond them", () => {
		const program = new Program();
		const info = new Uint8Array(24);
		new DataView(info.buffer).setUint32(0, 9000, true);
		program.iommu.vfioIoas({ op: 1, ioas_id: program.ioas() });
		expect(program.kernel.ioctl(program.fd, ioctls.VFIO_IOMMU_GET_INFO.request, info)).toBe(0);
		expect([alloc(12, 4096), alloc(12, 4097)]).toEqual([0, -E2BIG]);
	});
});
