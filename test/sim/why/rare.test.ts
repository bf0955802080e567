/** Tests checks that recorded programs do not reach: arguments at the end of memory, odd options, VFIO's rare refusals. */
import { describe, expect, test } from "vitest";
import { iommuOn } from "../../../src/client/iommu.js";
import { EBADF, EBADFD, EFAULT, EINVAL, ENOENT, ENOMEM, ENOTTY, EOPNOTSUPP } from "../../../src/kernel/errno.js";
import type { Kernel, Ret } from "../../../src/kernel/kernel.js";
import { explains } from "../../../src/kernel/why.js";
import { BUILTIN_MACHINES, checkMachine, createSim, parseBdf } from "../../../src/sim/index.js";
import {
	vfio_device_bind_iommufd as BIND,
	groupCalls,
	ioctls,
	iommu_destroy,
	iommu_ioas_alloc,
	iommufd_option,
	iommufd_option_ops,
	iommufd_ioas_map_flags as MAP,
	iommu_test_op as OP,
	vfio_iommu_type1_dma_map,
	vfio_iommu_type1_dma_unmap,
	vfio_iommu_type1_info,
} from "../../../structs/index.js";
import { APERTURE, must, PAGE, Program, rc } from "../kernel-under-test.js";
import { machine, Program as VfioProgram } from "../vfio/program.js";

/** The check by which the last call failed, with this errno. */
function check(kernel: Kernel, ret: Ret | bigint, errno: number): string {
	expect(Number(ret)).toBe(-errno);
	return (explains(kernel) && kernel.why(ret)?.check) || "no reason";
}

const GROUP_GET_STATUS = 0x3b67;
const GET_REGION_INFO = 0x3b6c;
const GET_IRQ_INFO = 0x3b6d;
const HOT_RESET = 0x3b71;

const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
const FIXED_RW = MAP.IOMMU_IOAS_MAP_FIXED_IOVA | MAP.IOMMU_IOAS_MAP_READABLE | MAP.IOMMU_IOAS_MAP_WRITEABLE;

/** A page of memory with nothing behind it; the struct stands at its end. */
function atTheEnd(kernel: Kernel, bytes: Uint8Array, prot = 3): bigint {
	const page = kernel.mmap({ addr: 0x5000_0000n, length: PAGE, prot });
	const addr = page + PAGE - BigInt(bytes.length);
	kernel.poke(addr, bytes);
	return addr;
}

describe("arguments", () => {
	test("that claim to be longer than the memory is", () => {
		const { kernel, fd } = new Program();
		const addr = atTheEnd(kernel, iommu_destroy.encode({ size: 64, id: 1 }));
		expect(check(kernel, kernel.ioctl(fd, ioctls.IOMMU_DESTROY.request, addr), EFAULT)).toBe("destroy.tail-unreadable");
	});

	test("that are read-only: the answer cannot be written, and no object is left", () => {
		const p = new Program();
		const addr = atTheEnd(p.kernel, iommu_ioas_alloc.encode({ size: 12 }), 1);
		expect(check(p.kernel, p.kernel.ioctl(p.fd, ioctls.IOMMU_IOAS_ALLOC.request, addr), EFAULT)).toBe("ioas-alloc.struct-not-writable");
		expect(p.ioas()).toBe(1);
	});

	test("of VFIO's container calls that are read-only", () => {
		const p = new Program();
		p.mock(p.ioas());
		must(p.iommu.vfioIoas({ op: 1, ioas_id: 1 }));
		const info = atTheEnd(p.kernel, vfio_iommu_type1_info.encode({ argsz: vfio_iommu_type1_info.size }), 1);
		expect(check(p.kernel, p.kernel.ioctl(p.fd, ioctls.VFIO_IOMMU_GET_INFO.request, info), EFAULT)).toBe(
			"vfio-iommu-get-info.info-not-writable",
		);
		const unmap = info - BigInt(vfio_iommu_type1_dma_unmap.size);
		p.kernel.poke(unmap, vfio_iommu_type1_dma_unmap.encode({ argsz: vfio_iommu_type1_dma_unmap.size, flags: 2 }));
		expect(check(p.kernel, p.kernel.ioctl(p.fd, ioctls.VFIO_IOMMU_UNMAP_DMA.request, unmap), EFAULT)).toBe(
			"vfio-iommu-unmap-dma.answer-not-writable",
		);
	});
});

describe("mappings", () => {
	test("copied in parts that are not whole pages to where a page table needs pages", () => {
		const p = new Program();
		const source = p.ioas();
		const user = p.memory(2n * PAGE);
		for (const half of [0n, 0x800n]) expect(p.map(source, APERTURE.start + half, user + half, 0x800n, FIXED_RW)).toBe(0);
		const target = p.ioas();
		p.mock(target);
		// The alignment of the mock's page tables is half a page, an access that pins pages needs whole ones.
		p.access(target, 1);
		const copied = p.iommu.ioasCopy({
			flags: FIXED_RW,
			src_ioas_id: source,
			dst_ioas_id: target,
			src_iova: APERTURE.start,
			dst_iova: APERTURE.start,
			length: PAGE,
		});
		expect(check(p.kernel, -copied.errno, EINVAL)).toBe("ioas-copy.piece-length");
	});

	test("of VFIO's type 1 v2 are not split under a page table", () => {
		const p = new Program();
		const ioas = p.ioas();
		p.mock(ioas);
		must(p.iommu.vfioIoas({ op: 1, ioas_id: ioas }));
		const unmap = (iova: bigint, size: bigint) => {
			const bytes = vfio_iommu_type1_dma_unmap.encode({ argsz: vfio_iommu_type1_dma_unmap.size, iova, size });
			return p.kernel.ioctl(p.fd, ioctls.VFIO_IOMMU_UNMAP_DMA.request, bytes);
		};
		const map = vfio_iommu_type1_dma_map.encode({
			argsz: vfio_iommu_type1_dma_map.size,
			flags: 3,
			vaddr: p.memory(2n * PAGE),
			iova: APERTURE.start,
			size: 2n * PAGE,
		});
		expect(p.kernel.ioctl(p.fd, ioctls.VFIO_IOMMU_MAP_DMA.request, map)).toBe(0);
		expect(check(p.kernel, unmap(APERTURE.start, PAGE), ENOENT)).toBe("vfio-iommu-unmap-dma.part-of-area");
	});
});

describe("calls with an odd operation or option", () => {
	test("the accounting mode is set or read, nothing else", () => {
		const p = new Program();
		const answer = p.iommu.option({ option_id: iommufd_option.IOMMU_OPTION_RLIMIT_MODE, op: 7 });
		expect(check(p.kernel, -answer.errno, EOPNOTSUPP)).toBe("option.rlimit-op");
		expect(Object.values(iommufd_option_ops)).not.toContain(7);
	});

	test("a bitmap of dirty pages that is not memory", () => {
		const p = new Program();
		const { dev, stdev } = p.mock(p.ioas());
		const table = p.hwpt(dev, 1, 2);
		p.replace(stdev, table);
		expect(rc(p.iommu.hwptSetDirtyTracking({ hwpt_id: table, flags: 1 }))).toBe(0);
		const dirty = { iova: APERTURE.start, length: 0x10000n, page_size: PAGE, uptr: 0x1000n };
		expect(check(p.kernel, p.test({ op: OP.IOMMU_TEST_OP_DIRTY, id: table, dirty }), EFAULT)).toBe("test-dirty.bitmap");
	});
});

describe("a program's own calls", () => {
	test("open what is no device node, and what this machine does not have", () => {
		const { kernel } = new Program();
		expect(check(kernel, kernel.open("/etc/passwd"), ENOENT)).toBe("open.no-node");
		expect(check(kernel, kernel.open("/dev/vfio/devices/vfio0"), ENOENT)).toBe("open.no-vfio");
	});

	test("run out of address space", () => {
		const { kernel } = new Program();
		const all = 1n << 46n;
		kernel.mmap({ addr: 0n, length: all, prot: 3 });
		expect(check(kernel, kernel.mmap({ addr: 0n, length: all + PAGE, prot: 3 }), ENOMEM)).toBe("mmap.no-gap");
	});

	test("run out of mappings", () => {
		const { kernel } = new Program();
		let ret = 0n;
		for (let i = 0n; i < 66_000n && ret >= 0n; i++) ret = kernel.mmap({ addr: 0x10_0000_0000n + i * 2n * PAGE, length: PAGE, prot: 3 });
		expect(check(kernel, ret, ENOMEM)).toBe("mmap.too-many-mappings");
	});
});

describe("VFIO", () => {
	test("binding with a struct that is longer than the memory, and on a release without it", () => {
		const p = new VfioProgram();
		const fd = p.device(0);
		const bytes = new Uint8Array(BIND.size);
		bytes.set(BIND.encode({ argsz: 64, iommufd: p.iommu }));
		const addr = atTheEnd(p.kernel, bytes);
		expect(check(p.kernel, p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, addr), EFAULT)).toBe(
			"vfio-device-bind-iommufd.tail-unreadable",
		);
		const short = addr + 8n;
		p.kernel.poke(short, words(BIND.size, 0));
		expect(check(p.kernel, p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, short), EFAULT)).toMatch(
			/^vfio-device-bind-iommufd\.(?:struct|arg)-unreadable$/,
		);
	});

	test("a group is given to a context that is one", () => {
		const p = new VfioProgram();
		const group = p.kernel.open("/dev/vfio/0");
		const give = (fd: number) => p.kernel.ioctl(group, groupCalls.VFIO_GROUP_SET_CONTAINER, words(fd));
		expect(check(p.kernel, give(-1), EINVAL)).toBe("vfio-group-set-container.fd-negative");
		expect(check(p.kernel, give(99), EBADF)).toBe("vfio-group-set-container.no-file");
		expect(check(p.kernel, give(p.kernel.memfd("m", PAGE)), EBADFD)).toBe("vfio-group-set-container.not-iommufd");
	});

	test("a struct that is too short for information on a region or an interrupt", () => {
		const p = new VfioProgram();
		const { fd } = p.bound(0);
		expect(check(p.kernel, p.kernel.ioctl(fd, GET_REGION_INFO, words(4, 0, 0, 0)), EINVAL)).toBe("vfio-device-get-region-info.argsz");
		expect(check(p.kernel, p.kernel.ioctl(fd, GET_IRQ_INFO, words(4, 0, 0, 0)), EINVAL)).toBe("vfio-device-get-irq-info.argsz");
	});

	test("a hot reset names the groups of all devices that it resets", () => {
		const p = new VfioProgram();
		// the PF and its VF on bus 5, through the group
		const number = p.sim.hardware?.topology.groupOf(parseBdf("0000:05:00.0") ?? 0).number;
		const group = p.kernel.open(`/dev/vfio/${number}`);
		const iommu = p.kernel.open("/dev/iommu");
		expect(p.kernel.ioctl(group, groupCalls.VFIO_GROUP_SET_CONTAINER, words(iommu))).toBe(0);
		const name = p.kernel.mmap({ addr: 0n, length: PAGE, prot: 3 });
		p.kernel.poke(name, new TextEncoder().encode("0000:05:00.0\0"));
		const fd = p.kernel.ioctl(group, groupCalls.VFIO_GROUP_GET_DEVICE_FD, name);
		const reset = (...rest: number[]) => p.kernel.ioctl(fd, HOT_RESET, words(12 + 4 * rest.length, 0, ...rest));
		expect(check(p.kernel, reset(0), EINVAL)).toBe("vfio-device-pci-hot-reset.group-count");
		expect(check(p.kernel, reset(1, 99), EBADF)).toBe("vfio-device-pci-hot-reset.no-file");
		expect(check(p.kernel, reset(1, iommu), EINVAL)).toBe("vfio-device-pci-hot-reset.not-group");
		expect(check(p.kernel, reset(1, group), EINVAL)).toBe("vfio-device-pci-hot-reset.not-held");
		const addr = atTheEnd(p.kernel, words(16, 0, 1));
		expect(check(p.kernel, p.kernel.ioctl(fd, HOT_RESET, addr), EFAULT)).toBe("vfio-device-pci-hot-reset.groups-unreadable");
	});

	test("a group's status needs room", () => {
		const p = new VfioProgram();
		const group = p.kernel.open("/dev/vfio/0");
		expect(check(p.kernel, p.kernel.ioctl(group, GROUP_GET_STATUS, words(4, 0)), EINVAL)).toBe("vfio-group-get-status.argsz");
	});

	test("a release without device files has no calls of theirs", () => {
		const p = new VfioProgram("vtd", {}, createSim({ machine: machine("vtd"), uapi: ["6.5"] }));
		const group = p.kernel.open("/dev/vfio/0");
		expect(p.kernel.ioctl(group, groupCalls.VFIO_GROUP_SET_CONTAINER, words(p.iommu))).toBe(0);
		const name = p.kernel.mmap({ addr: 0n, length: PAGE, prot: 3 });
		p.kernel.poke(name, new TextEncoder().encode("0000:00:10.0\0"));
		const fd = p.kernel.ioctl(group, groupCalls.VFIO_GROUP_GET_DEVICE_FD, name);
		const bind = BIND.encode({ argsz: BIND.size, iommufd: p.iommu });
		expect(check(p.kernel, p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, bind), ENOTTY)).toBe(
			"vfio-device-bind-iommufd.call-too-new",
		);
	});

	test("a nesting parent of another kind of IOMMU", () => {
		const sim = createSim({ machine: checkMachine(BUILTIN_MACHINES.mixed) });
		const kernel = sim.newProcess();
		const iommu = kernel.open("/dev/iommu");
		const bind = (n: number) => {
			const bytes = BIND.encode({ argsz: BIND.size, iommufd: iommu });
			expect(kernel.ioctl(kernel.open(`/dev/vfio/devices/vfio${n}`), ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, bytes)).toBe(0);
			return BIND.decode(bytes).out_devid;
		};
		const calls = iommuOn(kernel, iommu);
		const [intel, mock] = [bind(0), must(calls.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN, id: must(calls.ioasAlloc()).out_ioas_id }))];
		const pt_id = must(calls.ioasAlloc()).out_ioas_id;
		const parent = must(calls.hwptAlloc({ dev_id: intel, pt_id, flags: 1 })).out_hwpt_id;
		const data_uptr = kernel.mmap({ addr: 0n, length: PAGE, prot: 3 });
		const nested = { dev_id: mock.mock_domain.out_idev_id, pt_id: parent, data_type: 0xdead, data_len: 4, data_uptr };
		expect(check(kernel, -calls.hwptAlloc(nested).errno, EINVAL)).toBe("hwpt-alloc.parent-other-driver");
	});
});
