/** Tests why calls on VFIO's files fail: the checks by ID, and their texts. */
import { describe, expect, test } from "vitest";
import {
	EACCES,
	EBADFD,
	EBUSY,
	EFAULT,
	EINVAL,
	EIO,
	ENODEV,
	ENOENT,
	ENOSPC,
	ENOTTY,
	EOPNOTSUPP,
	EPERM,
} from "../../../src/kernel/errno.js";
import { vfio_device_attach_iommufd_pt as ATTACH, vfio_device_bind_iommufd as BIND, ioctls } from "../../../structs/index.js";
import { MEMORY, Program } from "./program.js";

const CONFIG = 7n << 40n;
const GET_INFO = 0x3b6b;
const RESET = 0x3b6f;
const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);

/** the check and the text of an answer, which must be this errno */
function why({ kernel }: Program, ret: number, errno: number): string {
	expect(ret).toBe(-errno);
	const found = kernel.why(ret);
	return found === undefined ? "no reason" : `${found.check}: ${found.text}`;
}

describe("opening", () => {
	test("what is not there, or in use in the other way", () => {
		const p = new Program();
		expect(why(p, p.kernel.open("/dev/vfio/devices/vfio99"), ENOENT)).toBe(
			"open.no-device: there is no /dev/vfio/devices/vfio99: the machine has vfio0, vfio1, vfio2, vfio3, vfio4, vfio5, vfio6, vfio7, vfio8, vfio9",
		);
		expect(why(p, p.kernel.open("/dev/vfio/77"), ENOENT)).toMatch(/^open\.no-group: there is no \/dev\/vfio\/77: the machine has 0, /);
		p.bound(0);
		expect(why(p, p.kernel.open("/dev/vfio/0"), EBUSY)).toBe("open.group-in-use: devices of the group are bound one by one: vfio0");
		const group = p.kernel.open("/dev/vfio/1");
		expect(group).toBeGreaterThan(0);
		expect(why(p, p.kernel.open("/dev/vfio/1"), EBUSY)).toBe("open.group-open: /dev/vfio/1 is open already");
	});
});

describe("binding", () => {
	test("names what is wrong with the struct", () => {
		const p = new Program();
		const fd = p.device(0);
		const bind = (fields: Partial<ReturnType<typeof BIND.decode>>) =>
			p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, BIND.encode({ argsz: 24, iommufd: p.iommu, ...fields }));
		expect(why(p, bind({ argsz: 8 }), EINVAL)).toBe(
			"vfio-device-bind-iommufd.argsz-too-small: argsz is 8, less than the 16 bytes that this call needs",
		);
		expect(why(p, bind({ flags: 6 }), EINVAL)).toBe("vfio-device-bind-iommufd.flags: flags is 0x6, with unknown bits 0x6");
		expect(why(p, bind({ iommufd: fd }), EBADFD)).toBe(
			`vfio-device-bind-iommufd.not-iommufd: iommufd ${fd} is a file of the kind vfio-device`,
		);
		expect(why(p, p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, 0x5000n), EFAULT)).toBe(
			"vfio-device-bind-iommufd.arg-unreadable: the 4 bytes at 0x5000 cannot be read: page 0x5000 is not mapped",
		);
	});

	test("names who has the device or its group", () => {
		const p = new Program();
		const { fd, id } = p.bound(0);
		expect(why(p, p.bind(fd), EINVAL)).toBe(
			`vfio-device-bind-iommufd.bound-here: vfio0 is bound through this file already, with the ID ${id}`,
		);
		expect(why(p, p.bind(p.device(0)), EINVAL)).toBe(
			`vfio-device-bind-iommufd.bound-elsewhere: another open file has bound vfio0, with the ID ${id}`,
		);
		p.kernel.open("/dev/vfio/1");
		expect(why(p, p.bind(p.device(1)), EBUSY)).toBe("vfio-device-bind-iommufd.group-open: /dev/vfio/1 is open");
	});

	test("names the context that has the group", () => {
		const p = new Program();
		const { id } = p.bound(1);
		expect(why(p, p.bind(p.device(2), p.kernel.open("/dev/iommu")), EPERM)).toBe(
			`vfio-device-bind-iommufd.group-owned: group 1 of 0000:00:11.1 belongs to context 1, which has 0000:00:11.0 as device ${id}`,
		);
		expect(why(p, p.bind(p.device(4)), EPERM)).toBe(
			"vfio-device-bind-iommufd.group-owned: group 3 of 0000:00:13.0 belongs to a driver of the host",
		);
	});

	test("names interrupts that are not isolated", () => {
		const p = new Program("noir", { unsafe_interrupts: false });
		expect(why(p, p.bind(p.device(0)), EPERM)).toBe(
			"vfio-device-bind-iommufd.not-isolated: interrupts of 0000:00:10.0 are not isolated: its IOMMU does not remap them",
		);
	});

	test("names the token that is missing", () => {
		const p = new Program();
		const pf = p.device(7);
		p.kernel.poke(MEMORY, new Uint8Array(32).fill(1, 0, 16).fill(2, 16));
		expect(p.bind(pf, p.iommu, MEMORY)).toBeGreaterThan(0);
		const vf = p.device(8);
		expect(why(p, p.bind(vf), EACCES)).toBe(
			"vfio-device-bind-iommufd.vf-token: vfio8 is a virtual function of vfio7, and no token was given",
		);
		expect(why(p, p.bind(vf, p.iommu, MEMORY + 16n), EACCES)).toMatch(/and another token was given$/);
		expect(p.bind(vf, p.iommu, MEMORY)).toBeGreaterThan(0);
		p.kernel.close(pf);
		expect(why(p, p.bind(p.device(7)), EACCES)).toBe(
			"vfio-device-bind-iommufd.pf-token: virtual functions of vfio7 are open (1), and no token was given",
		);
		expect(why(p, p.bind(p.device(0), p.iommu, MEMORY), EINVAL)).toBe(
			"vfio-device-bind-iommufd.no-token: vfio0 has no token, and one was given",
		);
		expect(why(p, p.bind(p.device(0), p.iommu, 8n), EFAULT)).toBe(
			"vfio-device-bind-iommufd.token-unreadable: token_uuid_ptr 0x8 cannot be read: page 0x0 is not mapped",
		);
	});
});

describe("a device's calls", () => {
	test("before it is bound", () => {
		const p = new Program();
		const fd = p.device(0);
		expect(why(p, p.kernel.ioctl(fd, GET_INFO, words(16, 0, 0, 0)), EINVAL)).toBe(
			"vfio-device-get-info.not-bound: vfio0 is not bound through this file",
		);
		expect(why(p, p.kernel.pread(fd, new Uint8Array(4), CONFIG), EINVAL)).toBe("pread.not-bound: vfio0 is not bound through this file");
	});

	test("that it does not know, or whose struct is too small", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		expect(why(p, p.kernel.ioctl(fd, 0x3b99, 0n), ENOTTY)).toBe("ioctl.unknown-device-call: vfio0 does not know request 0x3b99");
		expect(why(p, p.kernel.ioctl(fd, GET_INFO, words(8)), EINVAL)).toBe(
			"vfio-device-get-info.argsz: argsz is 8, less than the 16 bytes that this call needs",
		);
		expect(why(p, p.kernel.ioctl(fd, 0x3b6e, words(20, 0x21, 9, 0, 0)), EINVAL)).toBe(
			"vfio-device-set-irqs.no-irq: index is 9, and the last kind of interrupt is 4",
		);
		expect(why(p, p.kernel.ioctl(fd, 0x3b75, words(8, 1)), ENOTTY)).toBe("vfio-device-feature.no-feature: vfio0 has no feature 1");
		expect(why(p, p.kernel.ioctl(fd, RESET, 0n), EINVAL)).toBe(
			"vfio-device-reset.no-reset: vfio0 cannot be reset by itself: it has no FLR, and is on a root bus",
		);
		expect(why(p, p.kernel.ioctl(fd, 0x3b70, words(12, 0, 0)), ENODEV)).toBe(
			"vfio-device-get-pci-hot-reset-info.root-bus: 0000:00:10.0 is on a root bus",
		);
	});

	test("that reset a bus", () => {
		const p = new Program();
		const { fd } = p.bound(5);
		expect(why(p, p.kernel.ioctl(fd, 0x3b70, words(12, 0, 0)), ENOSPC)).toBe(
			"vfio-device-get-pci-hot-reset-info.no-room: argsz is 12, and 2 devices need 28",
		);
		expect(why(p, p.kernel.ioctl(fd, RESET, 0n), EINVAL)).toBe(
			"vfio-device-reset.no-reset: vfio5 cannot be reset by itself: it has no FLR, and shares its bus with 0000:03:02.0",
		);
		expect(why(p, p.kernel.ioctl(fd, 0x3b71, words(12, 0, 1)), EINVAL)).toBe(
			"vfio-device-pci-hot-reset.groups-given: count is 1, and the device was not opened through a group",
		);
	});

	test("that read and write its regions", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		const read = (offset: bigint, length = 4) => p.kernel.pread(fd, new Uint8Array(length), offset);
		expect(why(p, read(CONFIG + 0xfen), EFAULT)).toBe(
			"pread.config-end: 4 bytes at 0xfe end beyond the 0x100 bytes of the configuration space",
		);
		expect(why(p, read(2n << 40n), EINVAL)).toBe("pread.no-region: region 2 has 0x0 bytes, and the offset is 0x0");
		expect(why(p, p.kernel.pread(fd, { addr: 0x5000n, length: 4 }, CONFIG), EFAULT)).toBe(
			"pread.buffer: the buffer cannot be written: page 0x5000 is not mapped",
		);
		p.kernel.pwrite(fd, Uint8Array.of(0, 0), CONFIG + 4n);
		expect(why(p, read(0n), EIO)).toBe("pread.memory-off: vfio0 does not answer: memory accesses are off");
	});
});

describe("attaching", () => {
	test("an emulated device", () => {
		const p = new Program();
		const { fd } = p.bound(9);
		expect(why(p, p.attach(fd, 99), ENOENT)).toBe("vfio-device-attach-iommufd-pt.no-ioas: no IOAS has the ID 99");
		expect(why(p, p.attach(fd, 99, 1), EOPNOTSUPP)).toBe(
			"vfio-device-attach-iommufd-pt.no-pasids: vfio9 is emulated in software and has no PASIDs",
		);
	});

	test("with arguments that are wrong", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		const attach = (argsz: number, flags: number) =>
			p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_ATTACH_IOMMUFD_PT.request, ATTACH.encode({ argsz, flags, pt_id: 1 }));
		expect(why(p, attach(8, 0), EINVAL)).toMatch(/^vfio-device-attach-iommufd-pt\.argsz: argsz is 8/);
		expect(why(p, attach(16, 2), EINVAL)).toBe("vfio-device-attach-iommufd-pt.flags: flags is 0x2, with unknown bits 0x2");
		expect(why(p, attach(12, 1), EINVAL)).toBe("vfio-device-attach-iommufd-pt.pasid-missing: argsz is 12, and pasid needs 16");
		expect(why(p, p.attach(fd, 1, 0x80000000), ENOSPC)).toBe("vfio-device-attach-iommufd-pt.pasid-untracked: pasid is 0x80000000");
	});
});

describe("a group's file", () => {
	test("names what a device needs first", () => {
		const p = new Program();
		const group = p.kernel.open("/dev/vfio/0");
		const name = (text: string) => new TextEncoder().encode(`${text}\0`);
		const open = (text: string) => p.kernel.ioctl(group, 0x3b6a, name(text));
		expect(why(p, open("0000:00:10.0"), EINVAL)).toBe("vfio-group-get-device-fd.no-container: /dev/vfio/0 has no context");
		expect(why(p, open("nothing"), ENODEV)).toBe(
			"vfio-group-get-device-fd.no-device: /dev/vfio/0 has no device nothing: it has 0000:00:10.0",
		);
		expect(why(p, open("0000:00:10.0 vf_token=1"), EINVAL)).toBe("vfio-group-get-device-fd.token-text: vf_token=1 is not a UUID");
		expect(why(p, p.kernel.ioctl(group, 0x3b6a, 0x5000n), EFAULT)).toBe(
			"vfio-group-get-device-fd.name: the name at 0x5000 cannot be read: page 0x5000 is not mapped",
		);
		expect(why(p, p.kernel.ioctl(group, 0x3b69, 0n), EINVAL)).toBe("vfio-group-unset-container.no-container: /dev/vfio/0 has no context");
		expect(p.kernel.ioctl(group, 0x3b68, words(p.iommu))).toBe(0);
		expect(why(p, p.kernel.ioctl(group, 0x3b68, words(p.iommu)), EINVAL)).toBe(
			"vfio-group-set-container.container-set: /dev/vfio/0 has a context already",
		);
		const fd = open("0000:00:10.0");
		expect(why(p, p.attach(fd, 1), ENOTTY)).toBe(
			"vfio-device-attach-iommufd-pt.through-group: vfio0 was opened through its group's file, which attaches it",
		);
		expect(why(p, p.kernel.ioctl(group, 0x3b99, 0n), ENOTTY)).toBe("ioctl.unknown-group-call: a group's file does not know request 0x3b99");
	});
});
