/** The kernel that behaviour tests run on: the simulated one or, with IOMMUCTL_TEST_KERNEL=real, this machine's (Linux 7.3 with CONFIG_IOMMUFD_TEST, as root). */
import { onTestFinished } from "vitest";
import { type Iommu, iommuOn } from "../../src/client/iommu.js";
import { type Kernel, POLLIN, POLLOUT } from "../../src/kernel/kernel.js";
import { openRealKernel } from "../../src/kernel/real/index.js";
import { createSim, type SimProcess } from "../../src/sim/index.js";
import {
	defines,
	type Init,
	iommu_hwpt_page_response,
	iommu_hwpt_selftest,
	type iommu_test_cmd,
	iommufd_ioas_map_flags as MAP,
	iommu_test_op as OP,
	type StructType,
} from "../../structs/index.js";

export const onReal = process.env.IOMMUCTL_TEST_KERNEL === "real";

export const PAGE = 0x1000n;
export const READ = MAP.IOMMU_IOAS_MAP_READABLE;
export const WRITE = MAP.IOMMU_IOAS_MAP_WRITEABLE;
export const FIXED = MAP.IOMMU_IOAS_MAP_FIXED_IOVA;
/** the mock page tables' aperture */
export const APERTURE = { start: 0x100_0000n, last: 0x7fff_ffffn };
export const MAX = (1n << 64n) - 1n;

type TestFields = typeof iommu_test_cmd extends StructType<infer T, infer _P, infer _D> ? Init<T> : never;

/** The return value of a system call: a value, or minus the errno. */
export function rc(answer: { readonly ret: number; readonly errno: number }): number {
	return answer.ret < 0 ? -answer.errno : answer.ret;
}

export interface MockDevice {
	/** ID of the selftest's object: destroying it takes the device away */
	readonly stdev: number;
	/** ID of the device */
	readonly dev: number;
	/** ID of the page table that it was attached to */
	readonly hwpt: number;
}

/** A program with /dev/iommu open; it ends with the test. */
export class Program {
	readonly fd: number;
	readonly iommu: Iommu;

	constructor(readonly kernel: Kernel = onReal ? openRealKernel() : createSim().newProcess()) {
		onTestFinished(() => kernel.exit());
		this.fd = this.open();
		this.iommu = iommuOn(kernel, this.fd);
	}

	/** The simulated process, to look inside; only for tests of the simulated kernel itself. */
	get sim(): SimProcess {
		return this.kernel as SimProcess;
	}

	open(): number {
		const fd = this.kernel.open("/dev/iommu");
		if (fd < 0) throw new Error(`/dev/iommu cannot be opened: ${fd}`);
		return fd;
	}

	/** Allocates memory of this many bytes; at `at`, or wherever the kernel chooses. */
	memory(length = PAGE, at = 0n): bigint {
		const addr = this.kernel.mmap({ addr: at, length, prot: 3 });
		if (addr < 0n) throw new Error(`mmap: ${addr}`);
		return addr;
	}

	/** Allocates memory at a multiple of 64 pages, as simulated memory always is: the placement of IOVAs depends on it. */
	alignedMemory(length: bigint): bigint {
		const alignment = 64n * PAGE;
		return ((this.memory(length + alignment) + alignment - 1n) / alignment) * alignment;
	}

	/** Maps one page of memory twice, at consecutive addresses, so that the two are never physically contiguous. */
	doubledPage(): bigint {
		const fd = this.kernel.memfd("doubled", PAGE);
		const addr = this.memory(2n * PAGE);
		this.kernel.munmap(addr, 2n * PAGE);
		for (const at of [addr, addr + PAGE]) {
			if (this.kernel.mmap({ addr: at, length: PAGE, prot: 3, fd }) !== at) throw new Error("the page cannot be mapped twice");
		}
		return addr;
	}

	/** Allocates memory that contains these bytes. */
	place(bytes: Uint8Array): bigint {
		const addr = this.memory(BigInt(Math.max(bytes.length, 1)));
		this.kernel.poke(addr, bytes);
		return addr;
	}

	peek(addr: bigint, length: number): Uint8Array {
		const bytes = new Uint8Array(length);
		if (this.kernel.peek(addr, bytes) < 0) throw new Error(`no memory at 0x${addr.toString(16)}`);
		return bytes;
	}

	ioas(): number {
		return must(this.iommu.ioasAlloc()).out_ioas_id;
	}

	/** IOMMU_IOAS_MAP; returns 0 or the errno. */
	map(ioas_id: number, iova: bigint, user_va: bigint, length = PAGE, flags: number = FIXED | READ | WRITE): number {
		return rc(this.iommu.ioasMap({ ioas_id, flags, iova, user_va, length }));
	}

	/** IOMMU_IOAS_MAP at an IOVA of the kernel's choice, which it returns. */
	mapAnywhere(ioas_id: number, user_va: bigint, length = PAGE): bigint {
		return must(this.iommu.ioasMap({ ioas_id, flags: READ | WRITE, user_va, length })).iova;
	}

	unmap(ioas_id: number, iova: bigint, length = PAGE): number {
		return rc(this.iommu.ioasUnmap({ ioas_id, iova, length }));
	}

	destroy(id: number): number {
		return rc(this.iommu.destroy({ id }));
	}

	test(fields: TestFields): number {
		return rc(this.iommu.testCmd(fields));
	}

	/** Creates a mock device attached to an IOAS or page table. */
	mock(id: number, dev_flags = 0): MockDevice {
		const { mock_domain_flags } = must(
			this.iommu.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, id, mock_domain_flags: { dev_flags } }),
		);
		return { stdev: mock_domain_flags.out_stdev_id, dev: mock_domain_flags.out_idev_id, hwpt: mock_domain_flags.out_hwpt_id };
	}

	/** Attaches a mock device to another table. */
	replace(stdev: number, pt_id: number): number {
		return this.test({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, id: stdev, mock_domain_replace: { pt_id } });
	}

	hwpt(dev_id: number, pt_id: number, flags = 0, fault_id = 0): number {
		return must(this.iommu.hwptAlloc({ dev_id, pt_id, flags, fault_id })).out_hwpt_id;
	}

	/** Allocates a nested mock table on a nesting parent or virtual IOMMU. */
	nested(dev_id: number, pt_id: number, flags = 0, fault_id = 0, iotlb = 7): number {
		const data_uptr = this.place(iommu_hwpt_selftest.encode({ iotlb }));
		const data = { data_type: defines.IOMMU_HWPT_DATA_SELFTEST, data_len: iommu_hwpt_selftest.size, data_uptr };
		return must(this.iommu.hwptAlloc({ dev_id, pt_id, flags, fault_id, ...data })).out_hwpt_id;
	}

	viommu(dev_id: number, hwpt_id: number): number {
		return must(this.iommu.viommuAlloc({ type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id, hwpt_id })).out_viommu_id;
	}

	vdevice(viommu_id: number, dev_id: number, virt_id: bigint): number {
		return must(this.iommu.vdeviceAlloc({ viommu_id, dev_id, virt_id })).out_vdevice_id;
	}

	/** Checks that every page of the memory is pinned `refs` times: 0, else minus the errno. */
	pinned(uptr: bigint, refs: number, length = PAGE): number {
		return this.test({ op: OP.IOMMU_TEST_OP_MD_CHECK_REFS, check_refs: { uptr, length, refs } });
	}

	access(ioas: number, flags = 1): number {
		const answer = this.iommu.testCmd({ op: OP.IOMMU_TEST_OP_CREATE_ACCESS, id: ioas, create_access: { flags } });
		return must(answer).create_access.out_access_fd;
	}

	/** Makes the device send a page request. */
	fault(dev_id: number, grpid = 1, pasid = 0): number {
		return this.test({ op: OP.IOMMU_TEST_OP_TRIGGER_IOPF, trigger_iopf: { dev_id, pasid, grpid, perm: 3, addr: 0x4000n } });
	}

	respond(fd: number, cookie: number, code = 0): number {
		return this.kernel.write(fd, iommu_hwpt_page_response.encode({ cookie, code }));
	}

	/** The events of poll(2): "in", "out", both or none. */
	poll(fd: number): string {
		const entry = { fd, events: POLLIN | POLLOUT, revents: 0 };
		this.kernel.poll([entry], 0);
		return [entry.revents & POLLIN ? "in" : "", entry.revents & POLLOUT ? "out" : ""].filter(Boolean).join(" ");
	}
}

/** The result of a call that has to succeed. */
export function must<T>(answer: { readonly ret: number; readonly errno: number; readonly decoded: T }): T {
	if (answer.ret < 0) throw new Error(`errno ${answer.errno}`);
	return answer.decoded;
}
