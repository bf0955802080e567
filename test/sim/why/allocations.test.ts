/** Tests that every allocation of the simulated kernel can fail, with ENOMEM and a reason that names it. */
import { describe, expect, test } from "vitest";
import { iommuOn } from "../../../src/client/iommu.js";
import { ENOMEM } from "../../../src/kernel/errno.js";
import { createSim, type SimProcess } from "../../../src/sim/index.js";
import {
	defines,
	iommufd_hwpt_alloc_flags as HWPT,
	iommu_hwpt_selftest,
	iommufd_ioas_map_flags as MAP,
	iommu_test_op as OP,
} from "../../../structs/index.js";
import { Program as VfioProgram } from "../vfio/program.js";

const NEST = HWPT.IOMMU_HWPT_ALLOC_NEST_PARENT;
const RW = MAP.IOMMU_IOAS_MAP_READABLE | MAP.IOMMU_IOAS_MAP_WRITEABLE;

/** A program of everything that allocates, on mock devices; it goes on whatever fails. */
function mocks(kernel: SimProcess): void {
	const fd = kernel.open("/dev/iommu");
	const iommu = iommuOn(kernel, fd);
	const id = (answer: { readonly ret: number; readonly decoded: object }, field: string) =>
		Number((answer.decoded as Record<string, unknown>)[field] ?? 0);
	const memfd = kernel.memfd("m", 0x4000n);
	// Where there is no memory, its errno is an address like any other.
	const user_va = BigInt.asUintN(64, kernel.mmap({ addr: 0n, length: 0x4000n, prot: 3 }));
	kernel.mmap({ addr: 0n, length: 0x1000n, prot: 3, fd: memfd });
	const ioas_id = id(iommu.ioasAlloc(), "out_ioas_id");
	const other = id(iommu.ioasAlloc(), "out_ioas_id");
	// in the aperture of the mock page tables
	const iova = 0x1000000n;
	iommu.ioasMap({ ioas_id, flags: RW | MAP.IOMMU_IOAS_MAP_FIXED_IOVA, iova, user_va, length: 0x2000n });
	iommu.ioasMapFile({ ioas_id, flags: RW | MAP.IOMMU_IOAS_MAP_FIXED_IOVA, iova: 0x2000000n, fd: memfd, length: 0x1000n });
	iommu.ioasCopy({
		flags: RW | MAP.IOMMU_IOAS_MAP_FIXED_IOVA,
		src_ioas_id: ioas_id,
		dst_ioas_id: other,
		src_iova: iova,
		dst_iova: iova,
		length: 0x1000n,
	});
	const made = iommu.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, id: ioas_id, mock_domain_flags: { dev_flags: 4 } }).decoded;
	const { out_stdev_id, out_idev_id: dev_id } = made.mock_domain_flags;
	iommu.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, id: out_stdev_id, mock_domain_replace: { pt_id: other } });
	const parent = id(iommu.hwptAlloc({ dev_id, pt_id: ioas_id, flags: NEST }), "out_hwpt_id");
	const data = { data_type: defines.IOMMU_HWPT_DATA_SELFTEST, data_len: iommu_hwpt_selftest.size, data_uptr: user_va };
	iommu.hwptAlloc({ dev_id, pt_id: parent, ...data });
	const viommu_id = id(iommu.viommuAlloc({ type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id, hwpt_id: parent }), "out_viommu_id");
	iommu.hwptAlloc({ dev_id, pt_id: viommu_id, ...data });
	iommu.faultQueueAlloc();
	iommu.veventqAlloc({ viommu_id, type: defines.IOMMU_VEVENTQ_TYPE_SELFTEST, veventq_depth: 4 });
	const access = iommu.testCmd({ op: OP.IOMMU_TEST_OP_CREATE_ACCESS, id: ioas_id, create_access: { flags: 1 } }).decoded.create_access;
	iommu.testCmd({ op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id: access.out_access_fd, access_pages: { iova, length: 0x1000n, uptr: user_va } });
	iommu.hwQueueAlloc({ viommu_id, type: defines.IOMMU_HW_QUEUE_TYPE_SELFTEST, nesting_parent_iova: iova, length: 0x1000n });
}

/** The same on VT-d: devices are bound and attached. */
function hardware(program: VfioProgram, ioases: readonly number[]): void {
	const fd = program.kernel.open("/dev/vfio/devices/vfio0");
	program.bind(fd);
	for (const ioas of ioases) program.attach(fd, ioas);
}

/** Makes the nth allocation of `run` fail, for every n. Returns the checks by which calls failed. */
function failing(start: () => { kernel: SimProcess; run: () => void }): Set<string> {
	const reached = new Set<string>();
	for (let n = 1; ; n++) {
		const { kernel, run } = start();
		const { system } = kernel;
		const first = system.allocations;
		system.failingAllocation = first + n;
		let failed = 0;
		system.reasons.onFailed = (call: string, check: { readonly name: string; readonly errno: number }) => {
			if (check.errno !== ENOMEM || system.allocations < first + n || failed > 0) return;
			failed++;
			reached.add(`${call}.${check.name}`);
		};
		run();
		const made = system.allocations - first;
		kernel.exit();
		if (made < n) return reached;
		expect(failed, `allocation ${n}`).toBe(1);
	}
}

describe("every allocation can fail, and the reason names the check", () => {
	test("of mock devices' calls", () => {
		const reached = failing(() => {
			const kernel = createSim().newProcess();
			return { kernel, run: () => mocks(kernel) };
		});
		for (const check of ["open.open-memory", "memfd.memfd-memory", "mmap.mmap-memory", "ioas-alloc.out-of-memory", "ioas-copy.area-memory"])
			expect(reached).toContain(check);
		for (const check of [
			"hwpt-alloc.paging-memory",
			"hwpt-alloc.nested-memory",
			"hwpt-alloc.in-viommu-memory",
			"test-mock-domain-replace.replace-memory",
		])
			expect(reached).toContain(check);
	});

	test("of VFIO devices' calls", () => {
		const reached = failing(() => {
			const program = new VfioProgram();
			const ioases = [program.ioas(), program.ioas()];
			return { kernel: program.kernel, run: () => hardware(program, ioases) };
		});
		expect(reached).toContain("vfio-device-bind-iommufd.bind-memory");
	});
});
