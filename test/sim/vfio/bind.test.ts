/** Tests binding VFIO devices to an iommufd context. */
import { describe, expect, test } from "vitest";
import { E2BIG, EACCES, EBADF, EBADFD, EBUSY, EFAULT, EINVAL, ENOENT, EPERM } from "../../../src/kernel/errno.js";
import { vfio_device_bind_iommufd as BIND, ioctls } from "../../../structs/index.js";
import { MEMORY, Program } from "./program.js";

const GET_INFO = 0x3b6b;
const info = () => Uint8Array.of(24, ...new Array(23).fill(0));

describe("BIND_IOMMUFD", () => {
	test("before BIND no other call is answered", () => {
		const p = new Program();
		const fd = p.device(0);
		expect(p.kernel.ioctl(fd, GET_INFO, info())).toBe(-EINVAL);
		expect(p.kernel.ioctl(fd, 0x3b99, 0n)).toBe(-EINVAL);
		expect(p.kernel.pread(fd, new Uint8Array(4), 7n << 40n)).toBe(-EINVAL);
		expect(p.attach(fd, 1)).toBe(-EINVAL);
		expect(p.bind(fd)).toBe(1);
		expect(p.kernel.ioctl(fd, GET_INFO, info())).toBe(0);
	});

	test("sizes: at least 16 bytes, zeroes beyond what the kernel knows, at most 4096", () => {
		const p = new Program();
		const fd = p.device(0);
		const call = (argsz: number, tail = 0) => {
			const bytes = new Uint8Array(Math.max(64, Math.min(argsz, 4096)));
			bytes.set(BIND.encode({ argsz, iommufd: p.iommu }));
			bytes[30] = tail;
			return p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, bytes);
		};
		expect(call(15)).toBe(-EINVAL);
		expect(call(64, 1)).toBe(-E2BIG);
		expect(call(4097)).toBe(-E2BIG);
		expect(call(64)).toBe(0);
		expect(p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, 0x240000000n)).toBe(-EFAULT);
	});

	test("the descriptor: negative, closed, of another kind of file", () => {
		const p = new Program();
		const fd = p.device(0);
		expect(p.bind(fd, -1)).toBe(-EINVAL);
		expect(p.bind(fd, 999)).toBe(-EBADF);
		expect(p.bind(fd, fd)).toBe(-EBADFD);
		expect(p.bind(fd)).toBe(1);
		// An earlier bind is checked before the descriptor, but after its sign.
		expect(p.bind(fd, 999)).toBe(-EINVAL);
	});

	test("one open file at a time, and the ID is free again when it closes", () => {
		const p = new Program();
		const { fd, id } = p.bound(0);
		const other = p.device(0);
		expect(p.bind(other)).toBe(-EINVAL);
		expect(p.destroy(id)).toBe(-EBUSY);
		p.kernel.close(fd);
		expect(p.destroy(id)).toBe(-ENOENT);
		expect(p.bind(other)).toBe(id);
	});

	test("a group belongs to one context, and cannot be one that the host uses", () => {
		const p = new Program();
		p.bound(1);
		const second = p.kernel.open("/dev/iommu");
		expect(p.bind(p.device(2), second)).toBe(-EPERM);
		expect(p.bind(p.device(2))).toBe(2);
		expect(p.bind(p.device(4))).toBe(-EPERM);
	});

	test("without isolated interrupts binding is refused", () => {
		const bind = (p: Program) => p.bind(p.device(0));
		expect(bind(new Program("noir", { unsafe_interrupts: false }))).toBe(-EPERM);
		expect(bind(new Program("noir", { unsafe_interrupts: true }))).toBe(1);
		expect(bind(new Program("legacy", { unsafe_interrupts: false }))).toBe(1);
	});

	test("the context outlives its file while a device is bound", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		const ioas = p.ioas();
		p.kernel.close(p.iommu);
		expect(p.attach(fd, ioas)).toBeGreaterThan(ioas);
		expect(p.sim.contexts.size).toBe(1);
		p.kernel.close(fd);
		expect(p.sim.contexts.size).toBe(0);
	});
});

describe("tokens of SR-IOV functions", () => {
	const uuid = (fill: number) => new Uint8Array(16).fill(fill);

	test("a virtual function needs its physical function's token, which then cannot change", () => {
		const p = new Program();
		p.kernel.poke(MEMORY, uuid(1));
		p.kernel.poke(MEMORY + 16n, uuid(2));
		const pf = p.device(7);
		expect(p.bind(pf, p.iommu, MEMORY)).toBe(1);
		const vf = p.device(8);
		expect(p.bind(vf)).toBe(-EACCES);
		expect(p.bind(vf, p.iommu, MEMORY + 16n)).toBe(-EACCES);
		expect(p.bind(vf, p.iommu, MEMORY)).toBe(2);
		p.kernel.close(pf);
		const again = p.device(7);
		expect(p.bind(again)).toBe(-EACCES);
		expect(p.bind(again, p.iommu, MEMORY + 16n)).toBe(-EACCES);
		p.kernel.close(vf);
		expect(p.bind(again, p.iommu, MEMORY + 16n)).toBe(1);
	});

	test("other devices have none: the token is read, then refused", () => {
		const p = new Program();
		expect(p.bind(p.device(0), p.iommu, MEMORY)).toBe(-EINVAL);
		expect(p.bind(p.device(0), p.iommu, 8n)).toBe(-EFAULT);
		expect(p.bind(p.device(9), p.iommu, 8n)).toBe(-EINVAL);
	});
});

describe("group files", () => {
	test("a group is opened as a whole or device by device", () => {
		const p = new Program();
		const group = p.kernel.open("/dev/vfio/0");
		expect(group).toBeGreaterThan(0);
		expect(p.kernel.open("/dev/vfio/0")).toBe(-EBUSY);
		const fd = p.device(0);
		expect(p.bind(fd)).toBe(-EBUSY);
		p.kernel.close(group);
		expect(p.bind(fd)).toBe(1);
		expect(p.kernel.open("/dev/vfio/0")).toBe(-EBUSY);
		expect(p.kernel.open("/dev/vfio/99")).toBe(-ENOENT);
	});

	test("a device opened through it is attached to the IOAS of the compatibility calls", () => {
		const p = new Program();
		const group = p.kernel.open("/dev/vfio/0");
		const name = new TextEncoder().encode("0000:00:10.0\0");
		expect(p.kernel.ioctl(group, 0x3b6a, name.slice())).toBe(-EINVAL);
		expect(p.kernel.ioctl(group, 0x3b68, Uint8Array.of(p.iommu, 0, 0, 0))).toBe(0);
		expect(p.kernel.ioctl(group, 0x3b68, Uint8Array.of(p.iommu, 0, 0, 0))).toBe(-EINVAL);
		const fd = p.kernel.ioctl(group, 0x3b6a, name.slice());
		expect(fd).toBeGreaterThan(0);
		expect(p.map(1, 0x1000000n)).toBe(0);
		p.load(fd, 0x1000000n, 0n, "text");
		expect(p.store(fd, 0x1000000n, 0n)).toBe("text");
		expect(p.bind(fd)).toBe(-EINVAL);
		expect(p.map(1, 0xfee00000n)).toBe(-EINVAL);
	});
});
