/** Tests VFIO_DEVICE_IOEVENTFD, as Linux 7.3.4 answered. */
import { expect, test } from "vitest";
import { EBADF, EEXIST, EINVAL, ENODEV } from "../../../../src/kernel/errno.js";
import { Irqs } from "./irqs.js";

interface Fields {
	argsz?: number;
	flags?: number;
	offset?: bigint;
	data?: bigint;
	fd?: number;
	reserved?: number;
}

function ioeventfd(d: Irqs, { argsz = 32, flags = 4, offset = 0x60n, data = 1n, fd = -1, reserved = 0 }: Fields): number {
	const bytes = new Uint8Array(32);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, argsz, true);
	view.setUint32(4, flags, true);
	view.setBigUint64(8, offset, true);
	view.setBigUint64(16, data, true);
	view.setInt32(24, fd, true);
	view.setUint32(28, reserved, true);
	return d.p.kernel.ioctl(d.fd, 0x3b74, bytes);
}

test("a signal writes to a register until the eventfd is removed", () => {
	const d = new Irqs();
	const fd = d.eventfd();
	expect(ioeventfd(d, { fd })).toBe(0);
	expect([ioeventfd(d, { fd }), ioeventfd(d, { fd: 77 }), ioeventfd(d, { fd, reserved: 1 })]).toEqual([-EEXIST, -EEXIST, -EEXIST]);
	d.signal(fd);
	expect([d.read(0x24n, 4), d.take(fd)]).toEqual([1, 0]);
	expect([ioeventfd(d, {}), ioeventfd(d, {})]).toEqual([0, -ENODEV]);
	d.acknowledge();
	d.signal(fd);
	expect([d.read(0x24n, 4), d.take(fd)]).toEqual([0, 1]);
	expect(ioeventfd(d, { fd, argsz: 28 })).toBe(0);
});

test("what is wrong with its arguments", () => {
	const d = new Irqs();
	const fd = d.eventfd();
	const answers = [{ argsz: 27 }, { flags: 0 }, { flags: 12 }, { flags: 16 }, { offset: 7n << 40n }, { offset: 1n << 40n }, { fd: -2 }];
	for (const fields of answers) expect(ioeventfd(d, { fd, ...fields })).toBe(-EINVAL);
	expect([ioeventfd(d, { fd: 77 }), ioeventfd(d, { fd: d.p.iommu }), ioeventfd(d, { fd, offset: 1n })]).toEqual([-EBADF, -EINVAL, 0]);
});
