/** Tests the calls of a VFIO device that are answered by their arguments alone. */
import { describe, expect, test } from "vitest";
import { EBADFD, EFAULT, EINVAL, ENOTTY } from "../../../src/kernel/errno.js";
import { vfio_device_bind_iommufd as BIND, ioctls } from "../../../structs/index.js";
import { Program } from "./program.js";

const SET_IRQS = 0x3b6e;
const IOEVENTFD = 0x3b74;
const FEATURE = 0x3b75;
const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);

function bound() {
	const p = new Program();
	const { fd } = p.bound(0);
	return { p, fd, call: (request: number, arg: Uint8Array | bigint) => p.kernel.ioctl(fd, request, arg) };
}

describe("a bound device", () => {
	test("SET_IRQS with bad arguments is EINVAL", () => {
		const { call } = bound();
		const irqs = (argsz: number, flags: number, index = 0, start = 0, count = 0) =>
			call(SET_IRQS, words(argsz, flags, index, start, count, 0, 0));
		expect([irqs(4, 0), irqs(19, 0x21), irqs(20, 0x21)]).toEqual([-EINVAL, -EINVAL, -EINVAL]);
		expect([irqs(24, 0x41, 0), irqs(24, 0x23, 0), irqs(24, 0x21, 5), irqs(24, 0x21, 2)]).toEqual([-EINVAL, -EINVAL, -EINVAL, -EINVAL]);
		expect([irqs(24, 0x24, 0, 0, 2), irqs(20, 0x24, 0, 0, 1), irqs(24, 0x24, 0, 0xffffffff, 1)]).toEqual([-EINVAL, -EINVAL, -EINVAL]);
		expect([irqs(24, 0x09, 0, 0, 1), irqs(24, 0x22, 4, 0, 1), irqs(24, 0x01), irqs(24, 0x09, 1, 0, 1)]).toEqual([
			-EINVAL,
			0,
			-ENOTTY,
			-ENOTTY,
		]);
		expect(call(SET_IRQS, 0x10n)).toBe(-EFAULT);
	});

	test("IOEVENTFD is EINVAL, FEATURE without room for its head too; where there is no memory both are EFAULT", () => {
		const { call } = bound();
		expect([call(IOEVENTFD, words(32, 0, 0, 0, 0, 0, 0, 0)), call(IOEVENTFD, 0x10n)]).toEqual([-EINVAL, -EFAULT]);
		expect([call(FEATURE, words(7, 0, 0)), call(FEATURE, 0x10n)]).toEqual([-EINVAL, -EFAULT]);
	});

	test("reads and writes of no bytes are 0 wherever they are, and narrow ones do not reach edu's registers", () => {
		const { p, fd } = bound();
		for (const offset of [0x100000n, 1n << 40n, 9n << 40n]) {
			expect(p.kernel.pread(fd, new Uint8Array(0), offset)).toBe(0);
			expect(p.kernel.pread(fd, new Uint8Array(1), offset)).toBe(-EINVAL);
		}
		expect(p.kernel.pwrite(fd, Uint8Array.of(6, 0), (7n << 40n) + 4n)).toBe(2);
		const bytes = new Uint8Array(7);
		expect([p.kernel.pread(fd, bytes, 0n), ...bytes]).toEqual([7, 0xed, 0, 0, 1, 0, 0, 0]);
	});
});

describe("a device that is not bound", () => {
	test("looks at the token before the descriptor", () => {
		const p = new Program();
		const fd = p.device(0);
		const bind = (flags: number, token_uuid_ptr: bigint) =>
			p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, BIND.encode({ argsz: 24, flags, iommufd: fd, token_uuid_ptr }));
		expect([bind(1, 0n), bind(0, 0n)]).toEqual([-EFAULT, -EBADFD]);
	});

	test("answers other numbers EINVAL, whatever the pointer is", () => {
		const p = new Program();
		const fd = p.device(0);
		for (const request of [SET_IRQS, IOEVENTFD, FEATURE, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request | 0x40000000])
			expect([p.kernel.ioctl(fd, request, 0x10n), p.kernel.ioctl(fd, request, words(32, 0, 0, 0, 0, 0))]).toEqual([-EINVAL, -EINVAL]);
	});
});
